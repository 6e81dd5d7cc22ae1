// options: in which surroundings a process is started, and what ends it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <covey/master/worker_program.hpp>
#include <covey/protocol/handle.hpp>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace covey {
namespace net = boost::asio;
}

namespace covey::process {

// What one of a child's standard descriptors is.
enum class source {
    usual,   // a pipe; for fork inherit, and for the input of exec and exec_file null
    pipe,    // a pipe to this process: child::input(), output(), errors()
    inherit, // this process's own
    null,    // /dev/null
};

struct stdio
{
    stdio(source kind = source::usual) // NOLINT: standard_input = source::null
        : from{kind}
    {}
    stdio(shared_handle given) // NOLINT: standard_output = share(std::move(file))
        : open{std::move(given)}
    {}

    source from = source::usual; // when `open` is empty
    shared_handle open;
};

// A directory's name, behind a pointer: GCC 12 moves an aggregate that is written out inside a
// co_await by copying its bytes, which a pointer survives and a std::string does not. No member of
// options may point into itself.
class directory_name
{
  public:
    directory_name() = default;
    directory_name(std::string name) // NOLINT: directory = "/srv"
        : name_{std::make_shared<std::string const>(std::move(name))}
    {}
    directory_name(char const* name) // NOLINT
        : directory_name{std::string{name}}
    {}
    std::string text() const { return name_ ? *name_ : std::string{}; }

  private:
    std::shared_ptr<std::string const> name_;
};

struct options
{
    // "NAME=value" sets, "NAME" alone takes out; over this process's own environment, or instead
    // of it. PATH as the child has it is where a name without a slash is looked up.
    std::vector<std::string> environment = {};
    bool environment_only = false;
    directory_name directory = {}; // to start in; empty: this process's

    stdio standard_input = {};
    stdio standard_output = {};
    stdio standard_error = {};
    std::vector<shared_handle> extra = {}; // 3, 4, ... in the child; nothing else is open there

    std::optional<process_user> user = {};
    std::vector<std::uint32_t> cpus = {}; // that it may run on; empty: this process's

    // Ends it, this long after its start, by kill_signal, and by SIGKILL kill_after later. 0:
    // never.
    std::chrono::milliseconds timeout{0};
    int kill_signal = SIGTERM;
    std::chrono::milliseconds kill_after{1000};

    // exec, exec_file: of each of the two outputs. One byte more is error::output_too_long.
    std::size_t output_bytes_max = 1 << 20;

    // A session of its own: no terminal, and child::kill_tree() reaches what it has started. It
    // outlives this process when child::release() has been called. Any other child dies with this
    // process, if the executor runs on the program's main thread: the kernel means the thread.
    bool detached = false;
};

} // namespace covey::process
