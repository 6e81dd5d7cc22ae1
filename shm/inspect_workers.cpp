// inspect: what a segment's workers are at: locks, blocks, how far behind they are.
#include "inspect.hpp"

#include "arena.hpp"
#include "commit.hpp"
#include "fenced_word.hpp"
#include "lanes.hpp"

#include <algorithm>

namespace covey {

namespace {

bool has(shm::block_set const& set, std::uint32_t block)
{
    return (set.bits[block / 64].load(shm::relaxed) >> block % 64 & 1) != 0;
}

std::optional<std::uint32_t> block_of(shm::arena const& memory, std::int64_t pid)
{
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block)
        if (memory.block(block).open.load(shm::relaxed) != 0 &&
            memory.block(block).pid.load(shm::relaxed) == pid)
            return block;
    return std::nullopt;
}

} // namespace

std::vector<held_lock> inspect::locks() const
{
    std::vector<held_lock> out;
    auto const& fields = memory_->places().fields;
    for (std::uint32_t index = 0; index != fields.size(); ++index) {
        auto const& field = fields[index];
        for (std::uint32_t shard = 0; shard != field.shard_count; ++shard) {
            auto const owner = memory_->shard(field, shard).lock.owner();
            if (owner.thread != 0 || owner.died)
                out.push_back({.field = index,
                               .shard = shard,
                               .pid = owner.thread,
                               .block = block_of(*memory_, owner.thread),
                               .owner_died = owner.died,
                               .awaited = owner.awaited});
        }
        if (field.kind != field_kind::lock && field.kind != field_kind::leader)
            continue;
        auto const by = shm::holder_in(shm::shared_word_of(*memory_, field).load());
        if (by && by->block < memory_->places().blocks)
            out.push_back({.field = index,
                           .pid = memory_->block(by->block).pid.load(shm::relaxed),
                           .block = by->block,
                           .epoch = by->epoch});
    }
    return out;
}

std::vector<block_facts> inspect::blocks() const
{
    std::vector<block_facts> out;
    for (std::uint32_t block = 0; block != memory_->places().blocks; ++block) {
        auto const& its = memory_->block(block);
        auto const intent = shm::read_intent(its.intent);
        out.push_back({.block = block,
                       .open = its.open.load(std::memory_order_acquire) != 0,
                       .owner = {.pid = its.pid.load(shm::relaxed),
                                 .id = its.id.load(shm::relaxed),
                                 .generation = its.generation.load(shm::relaxed),
                                 .seat = its.seat.load(shm::relaxed)},
                       .load = {.connections = its.connections.load(shm::relaxed),
                                .in_flight = its.in_flight.load(shm::relaxed),
                                .requests = its.requests.load(shm::relaxed),
                                .limit = ~its.limit.load(shm::relaxed)},
                       .beats = its.beats.load(shm::relaxed),
                       .operations = intent.operation,
                       .writing = its.intent.armed.load(shm::relaxed) != 0,
                       .where = {.field = intent.field, .shard = intent.shard}});
    }
    return out;
}

std::vector<block_lag> inspect::lags() const
{
    std::vector<block_lag> out;
    auto const& places = memory_->places();
    for (std::uint32_t reader = 0; reader != places.blocks; ++reader) {
        auto const listens = [&](auto const& field) {
            return has_rows(field.kind) &&
                   has(memory_->at<shm::block_set>(field.subscribers), reader);
        };
        if (std::none_of(places.fields.begin(), places.fields.end(), listens))
            continue;
        block_lag behind{.block = reader, .pid = memory_->block(reader).pid.load(shm::relaxed)};
        for (std::uint32_t ring = 0; ring != places.blocks; ++ring) {
            // The cursor first: what is read meanwhile makes it more, never below nothing.
            auto const at = memory_->cursor(reader, ring).load(std::memory_order_acquire);
            auto const changes = memory_->block(ring).ring_tail.load(shm::relaxed) - at;
            behind.changes += changes;
            behind.most = std::max(behind.most, changes);
        }
        out.push_back(behind);
    }
    return out;
}

std::vector<block_notices> inspect::notices() const
{
    std::vector<block_notices> out;
    for (std::uint32_t block = 0; block != memory_->places().blocks; ++block) {
        auto const& its = memory_->block(block);
        if (its.id.load(shm::relaxed) == 0)
            continue;
        auto const& done = its.notified;
        out.push_back({.block = block,
                       .pid = its.pid.load(shm::relaxed),
                       .rings = done.rings.load(shm::relaxed),
                       .collisions = done.collisions.load(shm::relaxed),
                       .relayed = done.relayed.load(shm::relaxed),
                       .relay_stands = done.relay_stands.load(shm::relaxed),
                       .wakes = done.wakes.load(shm::relaxed),
                       .told = done.told.load(shm::relaxed),
                       .folded = done.folded.load(shm::relaxed),
                       .resyncs = done.resyncs.load(shm::relaxed)});
    }
    return out;
}

relay_facts inspect::relay() const
{
    auto const& relay = memory_->head().relay;
    return {.open = relay.open.load(shm::relaxed) != 0,
            .rounds = relay.rounds.load(shm::relaxed),
            .rings = relay.rings.load(shm::relaxed)};
}

std::vector<region> inspect::quarantined() const
{
    std::vector<region> out;
    auto const& fields = memory_->places().fields;
    for (region at; at.field != fields.size(); ++at.field)
        for (at.shard = 0; at.shard != fields[at.field].shard_count; ++at.shard)
            if (memory_->shard(fields[at.field], at.shard).quarantined.load(shm::relaxed) != 0)
                out.push_back(at);
    return out;
}

} // namespace covey
