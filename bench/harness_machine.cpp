#include "harness_machine.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sched.h>
#include <sys/utsname.h>

namespace covey::bench {

namespace {

constexpr char const* unknown = "unknown";

std::string cpu_model()
{
    std::ifstream info{"/proc/cpuinfo"};
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name"))
            if (auto const colon = line.find(": "); colon != std::string::npos)
                return line.substr(colon + 2);
    return unknown;
}

unsigned usable_cpus()
{
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 0;
    return static_cast<unsigned>(CPU_COUNT(&allowed));
}

std::string kernel_release()
{
    utsname told{};
    return ::uname(&told) == 0 ? told.release : unknown;
}

struct pipe_closer
{
    void operator()(std::FILE* pipe) const { ::pclose(pipe); }
};

// Asked when it runs, not when it was configured: ./dev bench builds first, so this is the commit.
std::string commit_of_tree()
{
    std::unique_ptr<std::FILE, pipe_closer> const git{
        ::popen("git -C '" BENCH_TREE "' describe --always --dirty --abbrev=12 --exclude='*'"
                " 2>/dev/null",
                "re")};
    std::array<char, 128> line{};
    if (!git || std::fgets(line.data(), static_cast<int>(line.size()), git.get()) == nullptr)
        return unknown;
    std::string out{line.data()};
    return out.substr(0, out.find('\n'));
}

} // namespace

machine this_machine()
{
    return {.cpu = cpu_model(),
            .cpus = usable_cpus(),
            .kernel = kernel_release(),
            .commit = commit_of_tree(),
            .build = BENCH_BUILD};
}

steal_meter::steal_meter()
    : start_{now()}
{}

// The first line of /proc/stat: user nice system idle iowait irq softirq steal, in ticks.
steal_meter::ticks steal_meter::now()
{
    constexpr int idle = 3;
    constexpr int iowait = 4;
    constexpr int steal = 7;
    std::ifstream stat{"/proc/stat"};
    std::string cpu;
    stat >> cpu;
    ticks out;
    for (int column = 0; column <= steal; ++column) {
        std::uint64_t spent = 0;
        stat >> spent;
        if (column != idle && column != iowait)
            out.all += spent;
        if (column == steal)
            out.stolen = spent;
    }
    return out;
}

double steal_meter::percent() const
{
    auto const end = now();
    auto const all = end.all - start_.all;
    return all == 0
               ? 0
               : 100 * static_cast<double>(end.stolen - start_.stolen) / static_cast<double>(all);
}

} // namespace covey::bench
