// injection: a program run under strace, which makes chosen system calls fail (strace(1),
// "inject").
#pragma once

#include "support/program.hpp"

#include <string>
#include <utility>
#include <vector>

namespace covey::test {

// Runs `path` so that each of `calls` ("sendmsg", "epoll_ctl,socketpair") fails as `how` says:
// "error=EAGAIN:when=2+3" is the second call and every third one behind it, of each process.
// Leaks are not looked for there: that needs ptrace for itself.
class injected
{
  public:
    injected(std::string const& calls, std::string const& how, std::string path,
             std::vector<std::string> words = {})
        : program_{"/usr/bin/strace",
                   arguments(calls, how, std::move(path), std::move(words)),
                   {"ASAN_OPTIONS=detect_leaks=0"}}
    {}

    // As program::wait_for_end tells it: strace ends as what it has run.
    int wait_for_end() { return program_.wait_for_end(); }
    std::string output() const { return program_.output(); }
    std::string errors() const { return program_.errors(); }

    // Whether strace is here and may trace.
    static bool is_possible()
    {
        program probe{"/usr/bin/strace", {"-qq", "-o", "/dev/null", "/bin/true"}};
        return probe.wait_for_end() == 0;
    }

  private:
    static std::vector<std::string> arguments(std::string const& calls, std::string const& how,
                                              std::string path, std::vector<std::string> words)
    {
        std::vector<std::string> all{
            "-f", "-qq", "-o", "/dev/null", "-e", "inject=" + calls + ":" + how, std::move(path)};
        all.insert(all.end(), words.begin(), words.end());
        return all;
    }

    program program_;
};

} // namespace covey::test
