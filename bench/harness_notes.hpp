// harness_notes: a forked process of a bench that works out numbers and tells them when it is done.
#pragma once

#include "harness_child.hpp"

#include <chrono>
#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <functional>
#include <vector>

namespace covey::bench {

class noting_child
{
  public:
    // Runs `body` in a fork. Call it while this process has one thread.
    explicit noting_child(std::function<std::vector<std::int64_t>()> const& body);

    // What it has noted; waits for its end. Throws runtime_error when it failed.
    std::vector<std::int64_t> take(std::chrono::milliseconds patience_at_the_end);

    pid_t pid() const { return process_.pid(); }

  private:
    struct ends
    {
        handle to_read;
        handle to_write;
    };
    static ends make_pipe();
    noting_child(ends pipe, std::function<std::vector<std::int64_t>()> const& body);

    handle notes_;
    child process_;
};

} // namespace covey::bench
