// child: a process of a run. It dies with its owner, and with the bench.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace covey::bench {

class child
{
  public:
    // Runs `body` in a fork and exits with 0, or with 1 and a line on standard error when it
    // throws. Call it while this process has one thread.
    explicit child(std::function<void()> const& body);

    // This program with other words; its standard output goes nowhere.
    static child of_this_program(std::vector<std::string> words);

    ~child(); // SIGKILL, and waits for the end
    child(child&& other) noexcept;
    child& operator=(child&&) = delete;

    // Throws runtime_error when it ends with anything but 0, or not in time.
    void wait(std::chrono::milliseconds limit);

  private:
    pid_t pid_ = 0; // 0: reaped, or moved from
};

// One for each CPU this process may use: they take what time nobody wants, so that no CPU sleeps
// deeply, as on a busy machine.
std::vector<child> keep_cpus_awake();

} // namespace covey::bench
