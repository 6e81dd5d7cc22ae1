#include "steps.hpp"

#include "harness_fail.hpp"
#include "talk.hpp"

#include <chrono>
#include <covey/protocol/handle.hpp>
#include <csignal>
#include <fcntl.h>
#include <harness_child.hpp>
#include <harness_process_tree.hpp>
#include <stdexcept>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unordered_map>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;

constexpr unsigned warm_rounds = 3;
constexpr unsigned stepped_rounds = 1;

struct both_ends
{
    handle read;
    handle write;
    both_ends()
    {
        int made[2];
        if (::pipe2(made, O_CLOEXEC) != 0)
            fail("pipe");
        read = handle{made[0]};
        write = handle{made[1]};
    }
    void tell() const
    {
        if (::write(write.get(), "!", 1) != 1)
            fail("write to a pipe");
    }
    void wait() const
    {
        char told = 0;
        if (::read(read.get(), &told, 1) != 1)
            throw std::runtime_error{"the client has gone"};
    }
};

// The threads of a server, each at a stop between two instructions while this exists.
class leash
{
  public:
    explicit leash(std::vector<pid_t> const& processes)
    {
        for (auto const thread : threads_of(processes))
            take(thread);
    }
    ~leash()
    {
        for (auto const each : threads_)
            let_go(each);
    }

    // Leads them on until `client`, a child of this process, has ended; the steps they made.
    std::uint64_t lead_until_end_of(pid_t client)
    {
        std::uint64_t steps = 0;
        for (auto const each : threads_)
            step(each, 0);
        for (;;) {
            siginfo_t news{};
            if (::waitid(P_ALL, 0, &news, WEXITED | WSTOPPED | WNOWAIT | __WALL) != 0)
                fail("wait for a step");
            if (news.si_pid == client)
                return steps; // how it ended is for its owner to see
            int status = 0;
            if (::waitpid(news.si_pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
                throw std::runtime_error{"the server has ended"};
            ++steps;
            step(news.si_pid, signal_in(status));
        }
    }

  private:
    void take(pid_t thread)
    {
        int status = 0;
        if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0)
            fail("trace a server");
        threads_.push_back(thread);
        ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
        if (::waitpid(thread, &status, __WALL) != thread)
            fail("stop a server");
        is_stopped_[thread] = true;
    }
    // A thread that waited in the kernel has the trap of its step still to come, which would end
    // the process if nobody took it.
    void let_go(pid_t thread)
    {
        int status = 0;
        if (!is_stopped_[thread]) {
            ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
            if (::waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status))
                return; // it has ended
            if (has_signal(thread, "SigPnd", SIGTRAP)) {
                ::ptrace(PTRACE_CONT, thread, nullptr, nullptr);
                ::waitpid(thread, &status, __WALL);
            }
        }
        ::ptrace(PTRACE_DETACH, thread, nullptr, signal_in(status));
    }
    void step(pid_t thread, std::uintptr_t signal)
    {
        is_stopped_[thread] = false;
        if (::ptrace(PTRACE_SINGLESTEP, thread, nullptr, signal) != 0)
            fail("step");
    }
    // What the thread was to get, if it stopped for that.
    static std::uintptr_t signal_in(int status)
    {
        auto const signal = WSTOPSIG(status);
        return signal == SIGTRAP || (status >> 16) != 0 ? 0 : static_cast<std::uintptr_t>(signal);
    }

    std::vector<pid_t> threads_;
    std::unordered_map<pid_t, bool> is_stopped_;
};

void ask_all(std::vector<talk>& talks, std::string const& request)
{
    for (auto& each : talks)
        each.say(request);
    for (auto& each : talks)
        while (each.hear() == 0)
            ;
}

} // namespace

double steps_per_request(std::vector<pid_t> const& processes, stepped_load const& wanted)
{
    both_ends warm;
    both_ends go;
    child client{[&] {
        auto const request = kept_request(wanted.target);
        std::vector<talk> talks;
        for (unsigned i = 0; i != wanted.connections; ++i)
            talks.emplace_back(wanted.port);
        for (unsigned i = 0; i != warm_rounds; ++i)
            ask_all(talks, request);
        warm.tell();
        go.wait();
        for (unsigned i = 0; i != stepped_rounds; ++i)
            ask_all(talks, request);
        ::_exit(0); // now: ending the connections is one more thing to do for the server
    }};
    warm.write.reset();
    warm.wait();
    leash held{processes};
    go.tell();
    auto const steps = static_cast<double>(held.lead_until_end_of(client.pid()));
    client.wait(5s);
    return steps / (stepped_rounds * wanted.connections);
}

} // namespace covey::bench
