#include "introduction.hpp"

#include <algorithm>
#include <chrono>
#include <covey/protocol/codec.hpp>
#include <covey/protocol/version.hpp>

namespace covey::supervision {

namespace {

using namespace std::chrono_literals;

std::uint64_t count(std::chrono::milliseconds time)
{
    return static_cast<std::uint64_t>(std::max(time, 0ms).count());
}

// Four beats to a hang_timeout: one that comes late is no hang.
std::chrono::milliseconds beat(std::chrono::milliseconds hang_timeout)
{
    return hang_timeout == 0ms ? 1'000ms : std::clamp(hang_timeout / 4, 10ms, 1'000ms);
}

protocol::welcome welcome(options const& settings, std::uint32_t blocks,
                          introduced_worker const& worker)
{
    protocol::welcome out;
    out.version = protocol::version;
    out.id = worker.id;
    out.seat = worker.seat;
    out.generation = worker.generation;
    out.block = worker.block;
    out.blocks = blocks;
    out.name = settings.name;
    out.log_level = settings.log_level;
    out.log_format = settings.log_format;
    out.busy_poll_us = static_cast<std::uint64_t>(settings.busy_poll.count());
    out.drain_deadline_ms = count(settings.drain_deadline);
    out.beat_ms = count(beat(settings.hang_timeout));
    out.connections_max = settings.connections_max.value_or(worker_load::no_limit);
    out.takes_turns = settings.dispatch == dispatch_policy::shared;
    return out;
}

} // namespace

introduction introduce(options const& settings, segment const& memory,
                       std::shared_ptr<doorbells const> const& bells,
                       introduced_worker const& worker)
{
    introduction out;
    out.emplace_back(welcome(settings, bells->size(), worker),
                     std::vector{share(memory.lend()), shared_handle{bells, &bells->relay()}});

    for (std::uint32_t first = 0; first < bells->size(); first += protocol::handles_max) {
        auto const last = std::min<std::size_t>(bells->size(), first + protocol::handles_max);
        std::vector<shared_handle> batch;
        for (std::size_t i = first; i < last; ++i)
            batch.emplace_back(bells, &bells->handles()[i]);
        out.emplace_back(protocol::doorbells{first}, std::move(batch));
    }

    std::uint32_t index = 0;
    for (auto const& one : worker.listeners) {
        std::vector<shared_handle> socket;
        if (one.socket)
            socket.push_back(one.socket);
        out.emplace_back(protocol::listener{index++, one.address}, std::move(socket));
    }

    std::vector<shared_handle> error;
    if (worker.standard_error)
        error.push_back(worker.standard_error);
    out.emplace_back(protocol::begin{index}, std::move(error));
    return out;
}

} // namespace covey::supervision
