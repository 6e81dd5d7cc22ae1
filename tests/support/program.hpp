// program: another process, as a test starts it, watches it and ends it.
//
// What it prints goes to files in memory, so nothing it says can block it, and all of it can be
// read at any time. It is killed with the object; workers of a killed master end by themselves.
#pragma once

#include <covey/protocol/handle.hpp>
#include <string>
#include <sys/types.h>
#include <vector>

namespace covey::test {

class program
{
  public:
    // `variables` ("NAME=value") come on top of this process's environment. Throws system_error.
    explicit program(std::string path, std::vector<std::string> words = {},
                     std::vector<std::string> variables = {});
    ~program();
    program(program const&) = delete;
    program& operator=(program const&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const;

    std::string output() const; // standard output so far
    std::string errors() const; // standard error so far

    bool is_running();

    // Waits for its end, up to the harness's patience: its exit code, or minus the signal that
    // ended it. Throws runtime_error when it does not end.
    int wait_for_end();

  private:
    pid_t pid_ = 0; // 0 once it has been waited for
    int status_ = 0;
    handle output_;
    handle errors_;
};

// The living children of a process, and whether one of them is dead and not waited for.
std::vector<pid_t> children_of(pid_t pid);
bool is_zombie(pid_t pid);

// By SIGSTOP, which takes effect some time after it has been sent.
bool is_stopped(pid_t pid);

// No such process, or only its entry, which some init has yet to reap.
bool is_gone(pid_t pid);

} // namespace covey::test
