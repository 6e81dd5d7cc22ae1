#include "run.hpp"

#include <cstddef>
#include <fmt/format.h>
#include <fstream>
#include <sched.h>
#include <stdexcept>

namespace covey::bench {

namespace {

template <class Stream>
Stream open(std::string const& file)
{
    Stream out{file, std::ios::binary};
    out.exceptions(std::ios::failbit | std::ios::badbit);
    return out;
}

constexpr auto word_bytes = static_cast<std::streamsize>(sizeof(std::int64_t));

} // namespace

std::int64_t now_ns()
{
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1};
}

void pin_to_cpu(unsigned nth)
{
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    for (unsigned cpu = 0; cpu != CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed) || nth-- != 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        ::sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

note_taker::note_taker(std::int64_t samples)
    : samples_{samples}
{
    notes_.latencies_ns.reserve(static_cast<std::size_t>(samples));
}

bool note_taker::take(stamp const& change, std::int64_t received_ns)
{
    auto const expected = static_cast<std::int64_t>(notes_.latencies_ns.size()) + 1;
    if (change.sequence != expected)
        throw std::runtime_error{
            fmt::format("change {} came where {} was due", change.sequence, expected)};
    if (expected == 1)
        first_sent_ns_ = change.sent_ns;
    notes_.latencies_ns.push_back(received_ns - change.sent_ns);
    notes_.elapsed_ns = received_ns - first_sent_ns_;
    return expected == samples_;
}

void note_taker::save(std::string const& file) const
{
    auto out = open<std::ofstream>(file);
    auto const bytes = [](auto const* words) { return reinterpret_cast<char const*>(words); };
    out.write(bytes(&notes_.elapsed_ns), word_bytes);
    out.write(bytes(notes_.latencies_ns.data()),
              word_bytes * static_cast<std::streamsize>(notes_.latencies_ns.size()));
    out.close();
}

notes read_notes(run const& made)
{
    auto in = open<std::ifstream>(made.file);
    notes out;
    out.latencies_ns.resize(static_cast<std::size_t>(made.samples));
    auto const bytes = [](auto* words) { return reinterpret_cast<char*>(words); };
    in.read(bytes(&out.elapsed_ns), word_bytes);
    in.read(bytes(out.latencies_ns.data()), word_bytes * made.samples);
    return out;
}

} // namespace covey::bench
