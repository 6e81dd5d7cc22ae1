// stepped_child: a forked process that runs to a chosen instruction and is killed there.
//
// One run records the address of every instruction; to be killed at number n, a later run goes by
// a breakpoint to the same place, which is a hundred times faster than stepping there. The runs
// must take the same way; each is checked against the record. Linux on x86-64, ptrace(2); the
// child is ours, so no privilege is needed.
#pragma once

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace covey::test {

class stepped_child
{
  public:
    // Forks; the child runs prepare() and waits to be led through body().
    template <class Prepare, class Body>
    stepped_child(Prepare prepare, Body body)
        : pid_{::fork()}
    {
        if (pid_ < 0)
            throw std::runtime_error{"fork"};
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
            prepare();
            ::kill(::getpid(), SIGSTOP);
            body();
            ::kill(::getpid(), SIGSTOP);
            ::_exit(0);
        }
        wait();
    }
    stepped_child(stepped_child const&) = delete;
    stepped_child& operator=(stepped_child const&) = delete;
    ~stepped_child() { kill(); }

    pid_t pid() const { return pid_; }

    void kill()
    {
        if (alive_) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        alive_ = false;
    }

    std::uint64_t address() const
    {
        user_regs_struct registers{};
        ::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers);
        return registers.rip;
    }

    // One instruction. False when body() has returned.
    bool step()
    {
        ::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr);
        return wait() == SIGTRAP;
    }

    // Lets body() run to its end.
    void finish()
    {
        ::ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
        wait();
    }

    // The addresses of all instructions from here until body() has returned: the last one is the
    // system call by which the child would stop again, where it stands now. Calls at(number) before
    // each.
    template <class At>
    std::vector<std::uint64_t> record(At at)
    {
        std::vector<std::uint64_t> out;
        do {
            at(out.size());
            out.push_back(address());
        } while (step() && address() != out.front());
        return out;
    }
    std::vector<std::uint64_t> record()
    {
        return record([](std::size_t) {});
    }

    // Goes on to where `way` was at number n: by a breakpoint to the first of the steps at that
    // address (a repeated string instruction takes several), then step by step.
    void go(std::vector<std::uint64_t> const& way, std::size_t n)
    {
        auto const starts = [&](std::size_t i) { return i == 0 || way[i] != way[i - 1]; };
        std::size_t first = n;
        while (!starts(first))
            --first;
        std::size_t passes = 0;
        for (std::size_t i = 1; i <= first; ++i)
            passes += starts(i) && way[i] == way[n];
        for (; passes != 0; --passes)
            run_to(way[n]);
        for (; first != n; ++first)
            step();
        if (address() != way[n])
            throw std::runtime_error{"the child took another way than the record"};
    }

  private:
    int wait()
    {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        if (!WIFSTOPPED(status))
            throw std::runtime_error{"the child ended on its own"};
        int const signal = WSTOPSIG(status);
        if (signal != SIGTRAP && signal != SIGSTOP)
            throw std::runtime_error{"the child got signal " + std::to_string(signal)};
        return signal;
    }

    void run_to(std::uint64_t place)
    {
        constexpr long breakpoint = 0xcc; // int3
        // Off the place, if we stand on it; a repeated string instruction takes several steps.
        auto const from = address();
        do
            step();
        while (from == place && address() == place);
        auto const text = ::ptrace(PTRACE_PEEKTEXT, pid_, place, nullptr);
        ::ptrace(PTRACE_POKETEXT, pid_, place, (text & ~0xffL) | breakpoint);
        user_regs_struct registers{};
        ::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers);
        if (registers.rip != place) {
            ::ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
            if (wait() != SIGTRAP)
                throw std::runtime_error{"the child went past the breakpoint at " +
                                         std::to_string(place)};
            ::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers);
            registers.rip = place;
            ::ptrace(PTRACE_SETREGS, pid_, nullptr, &registers);
        }
        ::ptrace(PTRACE_POKETEXT, pid_, place, text);
    }

    pid_t pid_;
    bool alive_ = true;
};

} // namespace covey::test
