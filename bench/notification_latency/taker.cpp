#include "taker.hpp"

#include <fmt/format.h>
#include <stdexcept>
#include <unistd.h>

namespace covey::bench {

taker::taker(board& shared, run const& made, std::uint32_t nth)
    : shared_{shared}
    , made_{made}
    , notes_{shared.receiver(nth)}
{
    shared_.touch();
    notes_.pid.store(::getpid());
}

std::int64_t taker::due_ns(std::int64_t sequence) const
{
    return shared_.common().start_ns.load(std::memory_order_relaxed) + made_.due_after_ns(sequence);
}

void taker::take(std::int64_t sequence, std::int64_t entered_ns)
{
    constexpr auto relaxed = std::memory_order_relaxed;
    if (sequence == 0) {
        notes_.warmed_up.fetch_add(1, relaxed);
        return;
    }
    if (sequence <= last_)
        throw std::runtime_error{fmt::format("change {} came after change {}", sequence, last_)};
    if (!made_.flat_out())
        notes_.arrival.record(entered_ns - due_ns(sequence));
    notes_.events.store(notes_.events.load(relaxed) + 1, relaxed);
    if (auto const skipped = sequence - last_ - 1; skipped != 0)
        notes_.conflated.store(notes_.conflated.load(relaxed) + skipped, relaxed);
    if (made_.receivers > 1)
        for (auto each = last_ + 1; each <= sequence; ++each)
            arrived(each, entered_ns);
    last_ = sequence;
    if (is_done())
        notes_.finished_ns.store(entered_ns, relaxed);
    notes_.seen.store(sequence, std::memory_order_release);
}

void taker::read(std::int64_t sequence, std::int64_t when_ns)
{
    if (sequence != 0 && !made_.flat_out())
        shared_.common().in_hand.record(when_ns - due_ns(sequence));
}

// Whoever is the last to come notes how long it took until then.
void taker::arrived(std::int64_t sequence, std::int64_t entered_ns)
{
    auto& notes = shared_.arrival(sequence);
    for (auto latest = notes.latest_ns.load();
         entered_ns > latest && !notes.latest_ns.compare_exchange_weak(latest, entered_ns);)
        ;
    if (notes.receivers.fetch_add(1) + 1 == made_.receivers)
        shared_.common().last_arrival.record(notes.latest_ns.load() - due_ns(sequence));
}

} // namespace covey::bench
