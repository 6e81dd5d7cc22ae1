// control: a runtime directory of a test's own, clusters whose control sockets are there, and
// coveyctl as people run it.
#pragma once

#include "cluster.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace covey::test {

class runtime_directory
{
  public:
    runtime_directory() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
    ~runtime_directory() { std::filesystem::remove_all(path_); }
    runtime_directory(runtime_directory const&) = delete;
    runtime_directory& operator=(runtime_directory const&) = delete;

    std::string const& path() const { return path_; }
    std::string variable() const { return "XDG_RUNTIME_DIR=" + path_; }
    std::string controls() const { return path_ + "/covey"; }
    std::string control(std::string const& name, pid_t pid) const
    {
        return controls() + "/" + name + "-" + std::to_string(pid) + ".sock";
    }

    // How many files masters have here.
    std::size_t count() const
    {
        std::error_code none;
        std::filesystem::directory_iterator const open{controls(), none};
        return none ? 0 : static_cast<std::size_t>(std::distance(begin(open), end(open)));
    }

  private:
    std::string path_ = "/tmp/covey-runtime-XXXXXX";
};

struct said_by_tool
{
    int code = 0;
    std::string output;
    std::string errors;
};

inline said_by_tool coveyctl(std::vector<std::string> words,
                             std::vector<std::string> variables = {})
{
    program it{COVEYCTL, std::move(words), std::move(variables)};
    auto const code = it.wait_for_end();
    return {code, it.output(), it.errors()};
}

// A cluster and the tool that finds it.
struct controlled_cluster
{
    explicit controlled_cluster(std::string const& path, std::uint32_t workers = 2,
                                std::vector<std::string> words = {},
                                std::vector<std::string> variables = {})
        : it{path, workers, std::move(words), with(std::move(variables))}
    {}

    // Fails the test when the tool says anything on standard error.
    std::string ask(std::vector<std::string> words) const
    {
        auto const said = coveyctl(std::move(words), {place.variable()});
        CHECK(said.errors.empty());
        CHECK(said.code == 0);
        return said.output;
    }
    said_by_tool try_to(std::vector<std::string> words) const
    {
        return coveyctl(std::move(words), {place.variable()});
    }

    runtime_directory place;
    cluster it;

  private:
    std::vector<std::string> with(std::vector<std::string> variables) const
    {
        variables.push_back(place.variable());
        return variables;
    }
};

} // namespace covey::test
