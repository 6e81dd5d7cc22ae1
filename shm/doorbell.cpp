#include "doorbell.hpp"

#include "detail/words.hpp"
#include "doorbell_relay.hpp"

#include <array>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <string>
#include <sys/eventfd.h>
#include <unistd.h>

namespace covey {

namespace {

handle make_eventfd(std::string const& whose)
{
    handle made{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!made.is_open())
        throw boost::system::system_error{errno, boost::system::system_category(),
                                          "make a doorbell for " + whose};
    return made;
}

void add_one(handle const& eventfd)
{
    std::uint64_t const one = 1;
    // EAGAIN: the count is at its limit, so it has been rung. Nothing else can go wrong with an
    // eventfd that is open.
    [[maybe_unused]] auto const written = ::write(eventfd.get(), &one, sizeof one);
}

} // namespace

doorbells doorbells::make(std::uint32_t blocks)
{
    std::vector<handle> bells;
    for (std::uint32_t block = 0; block != blocks; ++block)
        bells.push_back(make_eventfd("block " + std::to_string(block)));
    return doorbells{std::move(bells), make_eventfd("the relay")};
}

void doorbells::ring(std::uint32_t block) const noexcept
{
    add_one(bells_[block]);
}

void doorbells::ring_all() const noexcept
{
    for (std::uint32_t block = 0; block != size(); ++block)
        ring(block);
}

namespace shm {

namespace {

bool has_rung(std::uint64_t bell)
{
    return state_of(bell) == bell_state::ringing || state_of(bell) == bell_state::rung;
}

// What the bell was until now.
std::uint64_t wake(arena const& memory, std::uint32_t block)
{
    clear_block(memory.head().armed, block);
    auto const was = memory.block(block).bell.fetch_and(~state_bits, std::memory_order_acq_rel);
    full_fence(memory.head().armed.bits[block / 64]);
    return was;
}

} // namespace

ring_outcome ring_bell(word& bell, handle const& eventfd)
{
    auto seen = bell.load(std::memory_order_acquire);
    if (state_of(seen) == bell_state::armed) {
        auto const ringing = with(seen, bell_state::ringing);
        if (bell.compare_exchange_strong(seen, ringing, std::memory_order_acq_rel)) {
            add_one(eventfd);
            auto expected = ringing;
            bell.compare_exchange_strong(expected, with(ringing, bell_state::rung),
                                         std::memory_order_acq_rel);
            return ring_outcome::rung;
        }
    }
    if (state_of(seen) != bell_state::ringing)
        return ring_outcome::needless;
    add_one(eventfd);
    return ring_outcome::rung_again;
}

void set_block(block_set& set, std::uint32_t block)
{
    set.bits[block / 64].fetch_or(std::uint64_t{1} << block % 64);
}

void clear_block(block_set& set, std::uint32_t block)
{
    set.bits[block / 64].fetch_and(~(std::uint64_t{1} << block % 64));
}

void arm_bell(arena const& memory, std::uint32_t block)
{
    auto& bell = memory.block(block).bell;
    auto const was = bell.load(std::memory_order_relaxed);
    bell.store(next_sleep(was), std::memory_order_release);
    if (has_rung(was))
        add_to(memory.block(block).notified.wakes);
    set_block(memory.head().armed, block);
    full_fence(memory.head().armed.bits[block / 64]);
}

void disarm_bell(arena const& memory, std::uint32_t block)
{
    if (has_rung(wake(memory, block)))
        add_to(memory.block(block).notified.wakes);
}

bool is_rung(arena const& memory, std::uint32_t block)
{
    return has_rung(memory.block(block).bell.load(std::memory_order_relaxed));
}

void silence_bell(arena const& memory, std::uint32_t block)
{
    wake(memory, block);
}

void ring_sleepers(arena const& memory, doorbells const& bells, std::uint32_t field,
                   std::uint32_t self)
{
    auto& armed = memory.head().armed;
    auto& subscribers = memory.at<block_set>(memory.places().fields[field].subscribers);
    full_fence(armed.bits[0]);
    sleeper_set sleepers;
    sleepers.groups = (memory.places().blocks + 63) / 64;
    int count = 0;
    for (std::uint32_t group = 0; group != sleepers.groups; ++group) {
        auto bits = armed.bits[group].load(std::memory_order_acquire);
        if (bits != 0) {
            bits &= subscribers.bits[group].load(std::memory_order_acquire);
            if (self / 64 == group)
                bits &= ~(std::uint64_t{1} << self % 64);
            count += std::popcount(bits);
        }
        sleepers.bits[group] = bits;
    }
    if (count == 0)
        return;
    auto& counts = memory.block(self).notified;
    if (count > static_cast<int>(relay_above) && leave_to_relay(memory, bells, sleepers, counts))
        return;
    for (std::uint32_t group = 0; group != sleepers.groups; ++group)
        for_each_block(group, sleepers.bits[group], [&](std::uint32_t block) {
            if (block < bells.size() && block < memory.places().blocks)
                count_ring(counts, ring_bell(memory.block(block).bell, bells.handles()[block]));
        });
}

} // namespace shm
} // namespace covey
