// harness_child: a process of a bench. It dies with its owner, and with the bench.
#pragma once

#include <chrono>
#include <covey/protocol/handle.hpp>
#include <csignal>
#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace covey::bench {

class child
{
  public:
    // Runs `body` in a fork and exits with 0, or with 1 and a line on standard error when it
    // throws. Call it while this process has one thread. `at_our_death` is what the child gets when
    // this process is killed: SIGTERM for what has children of its own to end.
    explicit child(std::function<void()> const& body, int at_our_death = SIGKILL);

    // Another program; its standard output goes to `output`, nowhere when that is empty. It
    // inherits what is not close-on-exec, and nothing else.
    static child of_program(std::string path, std::vector<std::string> words,
                            handle const& output = {}, int at_our_death = SIGKILL);

    // This program with other words; its standard output goes nowhere.
    static child of_this_program(std::vector<std::string> words);

    ~child(); // SIGKILL, and waits for the end
    child(child&& other) noexcept;
    child& operator=(child&&) = delete;

    pid_t pid() const { return pid_; }

    // Throws runtime_error when it ends with anything but 0, or not in time.
    void wait(std::chrono::milliseconds limit);

    bool has_ended() const;

    // SIGTERM, then wait(limit).
    void stop(std::chrono::milliseconds limit);

  private:
    pid_t pid_ = 0; // 0: reaped, or moved from
};

// Where the program of this name is, on the path or where Debian puts servers; empty: not here.
std::string find_program(std::string_view name);

} // namespace covey::bench
