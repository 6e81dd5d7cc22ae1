#include "doorbell_relay.hpp"

#include "assert.hpp"
#include "detail/words.hpp"
#include "expiry.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace covey {

namespace shm {

namespace {

// It was rung, or is at work, and nothing has come of it. One that sleeps is rung and has its time.
bool stands(relay_block const& relay)
{
    if (state_of(relay.bell.load(std::memory_order_acquire)) == bell_state::armed)
        return false;
    auto const moved = relay.moved.load(relaxed);
    auto const now = coarse_now();
    return now > moved && now - moved > relay_patience;
}

// How many of them nobody has rung; counts no further than it must.
std::uint32_t unrung(arena const& memory, sleeper_set const& sleepers)
{
    std::uint32_t count = 0;
    for (std::uint32_t group = 0; group != sleepers.groups; ++group)
        for (auto bits = sleepers.bits[group]; bits != 0 && count <= relay_above;
             bits &= bits - 1) {
            auto const block = group * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
            if (block >= memory.places().blocks)
                break;
            auto const bell = state_of(memory.block(block).bell.load(std::memory_order_acquire));
            count += bell == bell_state::armed || bell == bell_state::ringing;
        }
    return count;
}

} // namespace

bool leave_to_relay(arena const& memory, doorbells const& bells, sleeper_set const& sleepers,
                    notification_counts& counts)
{
    auto& relay = memory.head().relay;
    if (relay.open.load(std::memory_order_acquire) == 0 || !bells.relay().is_open())
        return false;
    if (unrung(memory, sleepers) <= relay_above)
        return false;
    if (stands(relay)) {
        add_to(counts.relay_stands);
        return false;
    }
    for (std::uint32_t group = 0; group != sleepers.groups; ++group)
        if (sleepers.bits[group] != 0)
            relay.wanted.bits[group].fetch_or(sleepers.bits[group]);
    full_fence(relay.bell);
    if (relay.open.load(std::memory_order_acquire) == 0) // it ended meanwhile
        return false;
    if (state_of(relay.bell.load(relaxed)) == bell_state::armed)
        relay.moved.store(coarse_now(), relaxed);
    count_ring(counts, ring_bell(relay.bell, bells.relay()));
    add_to(counts.relayed);
    return true;
}

} // namespace shm

doorbell_relay::doorbell_relay(std::shared_ptr<shm::arena> memory,
                               std::shared_ptr<doorbells const> bells)
    : memory_{std::move(memory)}
    , bells_{std::move(bells)}
{
    COVEY_ASSERT(bells_->relay().is_open());
    auto& relay = memory_->head().relay;
    relay.moved.store(shm::coarse_now(), shm::relaxed);
    relay.open.store(1, std::memory_order_release);
}

doorbell_relay::~doorbell_relay()
{
    auto& relay = memory_->head().relay;
    relay.open.store(0, std::memory_order_release);
    shm::full_fence(relay.bell);
    ring(); // a writer that comes later finds it closed
}

void doorbell_relay::answer()
{
    std::uint64_t rung = 0;
    [[maybe_unused]] auto const was = ::read(descriptor(), &rung, sizeof rung); // EAGAIN: not rung
}

std::size_t doorbell_relay::ring()
{
    auto& relay = memory_->head().relay;
    relay.moved.store(shm::coarse_now(), shm::relaxed);
    disarm();
    std::size_t rung = 0;
    auto const blocks = std::min(memory_->places().blocks, bells_->size());
    for (std::uint32_t group = 0; group * 64 < memory_->places().blocks; ++group) {
        auto& wanted = relay.wanted.bits[group];
        if (wanted.load(std::memory_order_acquire) == 0)
            continue;
        shm::for_each_block(group, wanted.exchange(0), [&](std::uint32_t block) {
            if (block < blocks && // anybody may write here
                shm::ring_bell(memory_->block(block).bell, bells_->handles()[block]) !=
                    shm::ring_outcome::needless)
                ++rung;
        });
    }
    shm::add_to(relay.rounds);
    shm::add_to(relay.rings, rung);
    return rung;
}

bool doorbell_relay::anybody() const
{
    for (std::uint32_t group = 0; group * 64 < memory_->places().blocks; ++group)
        if (memory_->head().relay.wanted.bits[group].load(std::memory_order_acquire) != 0)
            return true;
    return false;
}

void doorbell_relay::disarm()
{
    auto& bell = memory_->head().relay.bell;
    bell.store(shm::with(bell.load(shm::relaxed), shm::bell_state::awake),
               std::memory_order_release);
    shm::full_fence(bell);
}

bool doorbell_relay::arm()
{
    auto& bell = memory_->head().relay.bell;
    bell.store(shm::next_sleep(bell.load(shm::relaxed)), std::memory_order_release);
    shm::full_fence(bell);
    if (!anybody())
        return true;
    disarm();
    return false;
}

} // namespace covey
