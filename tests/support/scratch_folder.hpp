// scratch_folder: a folder of a test's own, gone with it.
#pragma once

#include "support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace covey::test {

class scratch_folder
{
  public:
    scratch_folder()
    {
        std::string pattern = "/tmp/covey-test-XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~scratch_folder() { std::filesystem::remove_all(path_); }
    scratch_folder(scratch_folder const&) = delete;
    scratch_folder& operator=(scratch_folder const&) = delete;

    std::string operator/(std::string const& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

// All that is in a file; "" when there is none.
inline std::string text_of(std::string const& path)
{
    std::ifstream in{path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write_file(std::string const& path, std::string const& text)
{
    std::ofstream{path} << text;
}

} // namespace covey::test
