#include "participant.hpp"

#include "assert.hpp"
#include "detail/participant_core.hpp"
#include "doorbell.hpp"

namespace covey {

participant::participant(segment const& where, std::uint32_t seat, doorbells bells)
    : core_{std::make_unique<core>()}
{
    COVEY_ASSERT(seat < where.seats());
    core_->memory = where.memory();
    core_->seat = seat;
    core_->bells = std::move(bells);
    core_->free_word = std::uint64_t{seat} * 7; // seats start their search for free cells apart
}

participant::~participant() = default;

std::uint32_t participant::seat() const
{
    return core_->seat;
}

doorbells const& participant::bells() const
{
    return core_->bells;
}

void participant::set_load(seat_load const& now)
{
    auto& block = core_->memory->seat(core_->seat);
    block.connections.store(now.connections, std::memory_order_relaxed);
    block.in_flight.store(now.in_flight, std::memory_order_relaxed);
    block.requests.store(now.requests, std::memory_order_relaxed);
}

void participant::on_own_change(std::function<void()> call)
{
    core_->on_own_change = std::move(call);
}

void participant::core::tell(std::uint32_t field) const
{
    shm::ring_sleepers(*memory, bells, field, seat);
    if (on_own_change)
        on_own_change();
}

} // namespace covey
