// process: another process of this machine, as anybody may look at it.
#pragma once

#include <chrono>
#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <string>

namespace coveyctl {

class process
{
  public:
    // Empty when it is gone, or lives where this process cannot see it (pid 0).
    static process open(std::int64_t pid);

    bool is_open() const { return handle_.is_open(); }

    // For poll(2): readable when it has ended. -1 when it is empty.
    int descriptor() const { return handle_.get(); }

    // False when there is nobody to wait for.
    bool wait_for_end() const;

  private:
    covey::handle handle_;
};

// By SIGSTOP or a debugger.
bool is_stopped(std::int64_t pid);

// "runs", "stopped" or "gone".
std::string state_of(std::int64_t pid);

} // namespace coveyctl
