// injection: a program run under strace, which makes chosen system calls fail (strace(1),
// "inject").
#pragma once

#include "support/program.hpp"

#include <string>
#include <sys/types.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace covey::test {

// Which processes are traced.
enum class tracing {
    all,   // the program and whatever it starts
    alone, // the program
};

// Runs `path` so that each of `calls` ("sendmsg", "epoll_ctl,socketpair") fails as `how` says:
// "error=EAGAIN:when=2+3" is the second call and every third one behind it, of each process.
// Leaks are not looked for there: that needs ptrace for itself.
class injected : public program
{
  public:
    injected(std::string const& calls, std::string const& how, std::string path,
             std::vector<std::string> words = {}, tracing whom = tracing::all)
        : program{"/usr/bin/strace",
                  arguments(calls, how, std::move(path), std::move(words), whom),
                  {"ASAN_OPTIONS=detect_leaks=0"}}
    {}

    // Of the program: the process of this object is strace, which ends as what it has run. 0 as
    // long as there is none.
    pid_t traced() const
    {
        auto const children = children_of(pid());
        return children.empty() ? 0 : children.front();
    }

    // Whether strace is here and may trace.
    static bool is_possible()
    {
        if (::access("/usr/bin/strace", X_OK) != 0)
            return false;
        program probe{"/usr/bin/strace", {"-qq", "-o", "/dev/null", "/bin/true"}};
        return probe.wait_for_end() == 0;
    }

  private:
    static std::vector<std::string> arguments(std::string const& calls, std::string const& how,
                                              std::string path, std::vector<std::string> words,
                                              tracing whom)
    {
        std::vector<std::string> all{
            "-qq", "-o", "/dev/null", "-e", "trace=" + calls, "-e", "inject=" + calls + ":" + how};
        if (whom == tracing::all)
            all.emplace_back("-f");
        all.push_back(std::move(path));
        all.insert(all.end(), words.begin(), words.end());
        return all;
    }
};

} // namespace covey::test
