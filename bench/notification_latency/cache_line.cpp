// What it takes a cache line to get from one CPU to the other: two processes, each on a CPU, that
// pass it to and fro. A sample is half of the way there and back, the mean of a hundred.
#include "floor_parts.hpp"
#include "floors.hpp"

#include <atomic>
#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <new>

namespace covey::bench {

namespace {

constexpr std::int64_t at_a_time = 100;

struct line
{
    alignas(64) std::atomic<std::int64_t> turn{0}; // odd: the other's
};

void answer(line& shared, std::int64_t turns)
{
    for (std::int64_t i = 0; i != turns; ++i) {
        while (shared.turn.load(std::memory_order_acquire) != 2 * i + 1)
            relax();
        shared.turn.store(2 * i + 2, std::memory_order_release);
    }
}

void ask(line& shared, std::int64_t i)
{
    shared.turn.store(2 * i + 1, std::memory_order_release);
    while (shared.turn.load(std::memory_order_acquire) != 2 * i + 2)
        relax();
}

} // namespace

outcome run_cache_line(run made, std::chrono::milliseconds limit, scratch const&)
{
    constexpr std::int64_t warming = 100;
    auto const turns = (made.samples + warming) * at_a_time;
    auto const memory = boost::interprocess::anonymous_shared_memory(sizeof(line));
    auto& shared = *new (memory.get_address()) line;
    auto const results = boost::interprocess::anonymous_shared_memory(sizeof(latency_histogram));
    auto& seen = *new (results.get_address()) latency_histogram;
    child const other{[&] {
        pin_to_cpu_of(1);
        answer(shared, turns);
    }};
    child asking{[&] {
        pin_to_cpu_of(sender_place);
        for (std::int64_t i = 0; i != turns;) {
            auto const before = now_ns();
            for (auto const end = i + at_a_time; i != end; ++i)
                ask(shared, i);
            if (i > warming * at_a_time)
                seen.record((now_ns() - before) / (2 * at_a_time));
        }
    }};
    asking.wait(limit);
    outcome out;
    out.arrival.add(seen);
    out.events = out.arrival.count();
    return out;
}

} // namespace covey::bench
