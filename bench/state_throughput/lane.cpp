#include "lane.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sched.h>
#include <utility>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;

// The number-th CPU of those this process may use, in turn.
void hold_on_cpu(pid_t process, unsigned number)
{
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    number %= static_cast<unsigned>(CPU_COUNT(&allowed));
    for (std::size_t cpu = 0; cpu != CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &allowed) && number-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            ::sched_setaffinity(process, sizeof one, &one);
            return;
        }
}

} // namespace

lane::lane(store const& what, std::uint64_t keys, unsigned players, scratch const& files)
    : name_{what.name}
{
    order_desk desk{files.file(fmt::format("{}-{}.desk", what.name, keys))};
    site const where{.keys = keys,
                     .players = std::min(players, what.players),
                     .desk = desk.path(),
                     .files = &files};
    running_ = what.start(where);
    for (unsigned player = 0; player != where.players; ++player) {
        players_.push_back(desk.next_player());
        hold_on_cpu(players_.back().peer(), player);
    }
}

std::vector<double> lane::play(std::string const& what, unsigned writes_percent, unsigned players,
                               std::chrono::milliseconds length)
{
    order const wanted{.what = what,
                       .writes_percent = writes_percent,
                       .start_ns = now_ns() + std::chrono::nanoseconds{1ms}.count(),
                       .length_ns = std::chrono::nanoseconds{length}.count()};
    for (unsigned i = 0; i != players; ++i)
        send(players_[i], wanted);
    std::vector<double> out;
    for (unsigned i = 0; i != players; ++i)
        for (auto const sample : receive_samples(players_[i]))
            out.push_back(sample);
    return out;
}

} // namespace covey::bench
