// What lives tell the conductor, and what it makes of it.
#include "conductor.hpp"

#include <covey/protocol/log.hpp>
#include <fmt/format.h>
#include <utility>

namespace covey::supervision {

namespace {

constexpr std::size_t reason_bytes_max = 4096; // of what a worker says: it goes into the log

} // namespace

void conductor::on_online(worker_life& life)
{
    after([&](time_point now) { supervisor_.online(now, life.who().id); });
}

void conductor::on_said(worker_life& life, protocol::listening const& said)
{
    if (said.index >= addresses_.size()) {
        counts_.heard_bad(shm::bad_frame::out_of_place);
        return on_broken(life, "broke the protocol: it listens where nothing is");
    }
    after([&](time_point now) { supervisor_.listening(now, life.who().id, said.index); });
}

void conductor::on_said(worker_life& life, protocol::ready const&)
{
    after([&](time_point now) { supervisor_.ready(now, life.who().id); });
}

void conductor::on_said(worker_life& life, protocol::suicide const& said)
{
    after([&](time_point now) {
        supervisor_.suicide(now, life.who().id, said.reason.substr(0, reason_bytes_max));
    });
}

void conductor::on_said(worker_life& life, protocol::refused const& said)
{
    after([&](time_point now) {
        supervisor_.refused(now, life.who().id, said.reason.substr(0, reason_bytes_max));
    });
}

void conductor::on_said(worker_life& life, protocol::awake const&)
{
    watch(life);
}

void conductor::on_said(worker_life& life, protocol::room const&)
{
    on_room(life);
}

void conductor::on_said(worker_life& life, protocol::change const& said)
{
    for (auto const& [id, other] : lives_) {
        if (other.get() == &life || other->relay(said))
            continue;
        auto const seat = other->who().seat;
        if (places_[seat].changes_dropped++ == 0)
            log::warning(fmt::format("seat {}: the worker does not keep up with changes; some are "
                                     "not relayed to it",
                                     seat));
    }
}

void conductor::on_message(worker_life& life, message said)
{
    event out;
    out.kind = event_kind::message;
    out.worker = life.ref();
    board_->post(std::move(out), std::make_shared<message>(std::move(said)));
}

net::awaitable<datum> conductor::on_request(worker_life& life, message said)
{
    return answers_(life.ref(), std::move(said));
}

void conductor::on_drained(worker_life& life)
{
    event out;
    out.kind = event_kind::drain;
    out.worker = life.ref();
    board_->post(std::move(out));
}

void conductor::on_room(worker_life&)
{
    if (hands_ != nullptr)
        hands_->on_room();
}

void conductor::on_rejected(worker_life& life, passed_connection connection)
{
    connection.rejected_by = life.who().seat;
    std::vector<passed_connection> one;
    one.push_back(std::move(connection));
    if (hands_ != nullptr)
        hands_->on_returned(std::move(one));
}

void conductor::on_broken(worker_life& life, std::string const& reason)
{
    after([&](time_point now) { supervisor_.broken(now, life.who().id, reason); });
}

void conductor::on_disconnected(worker_life& life)
{
    return_when_over(life);
    after([&](time_point now) { supervisor_.disconnected(now, life.who().id); });
}

void conductor::on_exited(worker_life& life, exit_status const& status)
{
    return_when_over(life);
    after(
        [&](time_point now) { supervisor_.exited(now, life.who().id, status, life.last_words()); });
    if (stopping_)
        life.let_go_of_output();
}

// What it said before it died counts: nothing goes back before both its ends.
void conductor::return_when_over(worker_life& life)
{
    if (!life.is_over() || hands_ == nullptr)
        return;
    if (auto back = life.take_unacknowledged(); !back.empty()) {
        counts_.handed_over(shm::handoff::returned, back.size());
        hands_->on_returned(std::move(back));
    }
}

void conductor::on_closed(worker_life& life)
{
    auto const id = life.who().id;
    ending_.push_back(id);
    after([&](time_point now) { supervisor_.closed(now, id); });
}

} // namespace covey::supervision
