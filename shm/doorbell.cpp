#include "doorbell.hpp"

#include "detail/words.hpp"

#include <bit>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <sys/eventfd.h>
#include <unistd.h>

namespace covey {

doorbells doorbells::make(std::uint32_t blocks)
{
    std::vector<handle> bells;
    for (std::uint32_t block = 0; block != blocks; ++block) {
        bells.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!bells.back().is_open())
            throw boost::system::system_error{errno, boost::system::system_category(),
                                              "make a doorbell for block " + std::to_string(block)};
    }
    return doorbells{std::move(bells)};
}

void doorbells::ring(std::uint32_t block) const noexcept
{
    std::uint64_t const one = 1;
    // EAGAIN: the count is at its limit, so it has been rung. Nothing else can go wrong with an
    // eventfd that is open.
    [[maybe_unused]] auto const written = ::write(bells_[block].get(), &one, sizeof one);
}

void doorbells::ring_all() const noexcept
{
    for (std::uint32_t block = 0; block != size(); ++block)
        ring(block);
}

namespace shm {

namespace {

constexpr std::uint64_t with(std::uint64_t bell, bell_state state)
{
    return (bell & ~std::uint64_t{3}) | static_cast<std::uint64_t>(state);
}

void ring_block(arena const& memory, doorbells const& bells, std::uint32_t block)
{
    auto& bell = memory.block(block).bell;
    auto seen = bell.load(std::memory_order_acquire);
    if (state_of(seen) == bell_state::armed) {
        auto const ringing = with(seen, bell_state::ringing);
        if (bell.compare_exchange_strong(seen, ringing, std::memory_order_acq_rel)) {
            bells.ring(block);
            auto expected = ringing;
            bell.compare_exchange_strong(expected, with(ringing, bell_state::rung),
                                         std::memory_order_acq_rel);
            return;
        }
    }
    if (state_of(seen) == bell_state::ringing)
        bells.ring(block);
}

} // namespace

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
    auto const next = (bell.load(std::memory_order_relaxed) | 3) + 1; // the next sleep's number
    bell.store(with(next, bell_state::armed), std::memory_order_release);
    set_block(memory.head().armed, block);
    full_fence(memory.head().armed.bits[block / 64]);
}

void disarm_bell(arena const& memory, std::uint32_t block)
{
    clear_block(memory.head().armed, block);
    auto& bell = memory.block(block).bell;
    bell.store(with(bell.load(std::memory_order_relaxed), bell_state::awake),
               std::memory_order_release);
    full_fence(memory.head().armed.bits[block / 64]);
}

void ring_sleepers(arena const& memory, doorbells const& bells, std::uint32_t field,
                   std::uint32_t self)
{
    auto& armed = memory.head().armed;
    auto& subscribers = memory.at<block_set>(memory.places().fields[field].subscribers);
    full_fence(armed.bits[0]);
    for (std::uint32_t group = 0; group * 64 < memory.places().blocks; ++group) {
        auto sleepers = armed.bits[group].load(std::memory_order_acquire);
        if (sleepers == 0)
            continue;
        sleepers &= subscribers.bits[group].load(std::memory_order_acquire);
        if (self / 64 == group)
            sleepers &= ~(std::uint64_t{1} << self % 64);
        for (; sleepers != 0; sleepers &= sleepers - 1) {
            auto const block = group * 64 + static_cast<std::uint32_t>(std::countr_zero(sleepers));
            if (block < bells.size() && block < memory.places().blocks)
                ring_block(memory, bells, block);
        }
    }
}

} // namespace shm
} // namespace covey
