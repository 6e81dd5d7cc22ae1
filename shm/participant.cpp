#include "participant.hpp"

#include "assert.hpp"
#include "detail/participant_core.hpp"
#include "doorbell.hpp"
#include "lanes.hpp"

#include <utility>

namespace covey {

participant::participant(segment const& where, std::uint32_t block, doorbells bells)
    : core_{std::make_unique<core>()}
{
    COVEY_ASSERT(block < where.blocks());
    core_->memory = where.memory();
    core_->block = block;
    core_->bells = std::move(bells);
    core_->free_word = std::uint64_t{block} * 7; // blocks start their search for free cells apart
}

participant::~participant() = default;

std::uint32_t participant::block() const
{
    return core_->block;
}

doorbells const& participant::bells() const
{
    return core_->bells;
}

void participant::set_load(worker_load const& now)
{
    auto& its = core_->memory->block(core_->block);
    its.connections.store(now.connections, std::memory_order_relaxed);
    its.in_flight.store(now.in_flight, std::memory_order_relaxed);
    its.requests.store(now.requests, std::memory_order_relaxed);
    its.limit.store(~now.limit, std::memory_order_relaxed);
}

// One writer, so no locked addition is needed.
void participant::beat()
{
    auto& beats = core_->memory->block(core_->block).beats;
    beats.store(beats.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void participant::on_own_change(std::function<void()> call)
{
    core_->on_own_change = std::move(call);
}

void participant::on_sooner_expiry(std::function<void()> call)
{
    core_->on_sooner_expiry = std::move(call);
}

void participant::core::tell(std::uint32_t field)
{
    shm::ring_sleepers(*memory, bells, field, block);
    if (on_own_change)
        on_own_change();
    if (std::exchange(sooner_expiry, false) && on_sooner_expiry)
        on_sooner_expiry();
}

void participant::core::tell_of_word(std::uint32_t field)
{
    if (shm::any_subscriber(*memory, memory->places().fields[field]))
        tell(field);
}

} // namespace covey
