#include "talk_output.hpp"

#include <covey/protocol/datum_codec.hpp>
#include <covey/protocol/error.hpp>

#include <algorithm>
#include <optional>

namespace covey::protocol::detail {

using boost::system::error_code;

namespace {

constexpr std::size_t message_weight = 256; // as it is kept, in whatever queue it waits
constexpr std::size_t handle_weight = 16 << 10;

// What to lend for `handles`; nothing when one is empty or there twice.
std::optional<lent_handles::loan> borrow(std::vector<passed_handle> const& handles)
{
    lent_handles::loan loan;
    for (passed_handle const& each : handles) {
        auto lent = each.lend();
        auto const& before = loan.handles;
        if (!lent || std::find(before.begin(), before.end(), lent) != before.end())
            return std::nullopt;
        loan.kinds.push_back(static_cast<unsigned char>(each.kind()));
        loan.handles.push_back(std::move(lent));
    }
    return loan;
}

error_code error_of(send_status refused)
{
    switch (refused) {
    case send_status::would_block:
        return net::error::would_block;
    case send_status::invalid:
        return net::error::invalid_argument;
    default:
        return error::closed;
    }
}

} // namespace

std::size_t weight_of(talk const& said)
{
    return said.body.size() + message_weight + said.kinds.size() * handle_weight;
}

talk_output::talk_output(net::any_io_executor executor, messenger::carrier by,
                         messenger_limits limits, events tell)
    : carrier_{std::move(by)}
    , limits_{limits}
    , tell_{std::move(tell)}
    , pending_{std::make_shared<pending_requests>(executor, limits.requests_pending_max)}
    , lent_{std::make_shared<lent_handles>(
          executor,
          [this](std::uint64_t number, lent_handles::loan const& loan) {
              must_send({static_cast<std::uint8_t>(talk_kind::again), number, {}, loan.kinds},
                        loan.handles);
          })}
    , drained_{std::make_shared<waiting_list>(executor)}
    , flushed_{std::make_shared<waiting_list>(executor)}
    , lifeline_{executor}
{}

// ---- speaking
// ------------------------------------------------------------------------------------

send_status talk_output::speak(talk_kind kind, std::uint64_t number, datum const& body,
                               std::vector<passed_handle>& handles)
{
    if (!is_open())
        return send_status::closed;
    if (handles.size() > message_handles_max)
        return send_status::invalid;
    auto encoded = encode_datum(body);
    auto loan = borrow(handles);
    if (!encoded || encoded->size() > message_bytes_max || !loan)
        return send_status::invalid;
    if (outstanding_ >= limits_.window || has_backlog())
        return send_status::would_block;

    bool const is_numbered = kind == talk_kind::request || !handles.empty();
    talk const said{static_cast<std::uint8_t>(kind), is_numbered ? number : 0, std::move(*encoded),
                    loan->kinds};
    auto const status = carrier_.send(said, loan->handles);
    if (status != send_status::sent && status != send_status::queued)
        return status;
    outstanding_ += weight_of(said);
    for (passed_handle& each : handles)
        each.given();
    if (!handles.empty())
        lent_->add(number, std::move(*loan));
    return status;
}

send_status talk_output::send(datum const& body, std::vector<passed_handle> handles)
{
    return speak(talk_kind::message, ++numbers_, body, handles);
}

void talk_output::request(datum const& body, std::vector<passed_handle> handles,
                          std::chrono::milliseconds timeout, pending_requests::handler handler)
{
    if (ended_)
        return pending_->refuse(std::move(handler), ended_);
    if (pending_->is_full())
        return pending_->refuse(std::move(handler), error::too_many_requests);
    auto const number = ++numbers_;
    auto const status = speak(talk_kind::request, number, body, handles);
    if (status == send_status::sent || status == send_status::queued)
        pending_->add(number, timeout, std::move(handler));
    else
        pending_->refuse(std::move(handler), error_of(status));
}

void talk_output::reply(talk_kind kind, std::uint64_t number, std::vector<unsigned char> body)
{
    must_send({static_cast<std::uint8_t>(kind), number, std::move(body), {}}, {});
}

void talk_output::must_send(talk said, std::vector<shared_handle> handles)
{
    if (ended_)
        return;
    if (!has_backlog() && carrier_.send(said, handles) != send_status::would_block)
        return;
    backlog_.emplace_back(std::move(said), std::move(handles));
    watch();
}

// Only a peer that provokes receipts and reads none makes the lane of the house full.
void talk_output::receipt(talk_kind kind, std::uint64_t number)
{
    if (!ended_ && carrier_.send({static_cast<std::uint8_t>(kind), number, {}, {}}, {}) ==
                       send_status::would_block)
        tell_.trouble("the peer does not read its receipts: one was dropped");
}

// ---- waiting for room
// ----------------------------------------------------------------------------

void talk_output::wait_in(waiting_list& list, waiting_list::handler handler)
{
    list.add(std::move(handler));
    if (ended_)
        return list.complete_all(ended_);
    watch();
    // Waiting for the peer has nothing in the loop of its own that would tell of the loop's end.
    if (!std::exchange(lifeline_is_out_, true)) {
        lifeline_.expires_at(net::steady_timer::time_point::max());
        lifeline_.async_wait(waiter<talk_output>{shared_from_this(), &talk_output::on_lifeline});
    }
}

void talk_output::watch()
{
    if (ended_ || std::exchange(is_watching_, true))
        return;
    carrier_.drained([weak = weak_from_this()](error_code failed) {
        if (auto const self = weak.lock()) {
            self->is_watching_ = false;
            if (!failed && !self->ended_)
                self->on_room();
        }
    });
}

void talk_output::on_room()
{
    bool const had_backlog = has_backlog();
    while (has_backlog()) {
        auto const& [said, handles] = backlog_.front();
        if (carrier_.send(said, handles) == send_status::would_block)
            return watch();
        backlog_.pop_front();
    }
    if (lent_->empty())
        flushed_->complete_all({});
    if (outstanding_ < limits_.window)
        drained_->complete_all({});
    let_go();
    if (had_backlog)
        tell_.room();
}

// The loop is not kept running for nobody.
void talk_output::let_go()
{
    if (drained_->empty() && flushed_->empty() && std::exchange(lifeline_is_out_, false))
        lifeline_.cancel();
}

// ---- what the peer says
// --------------------------------------------------------------------------

void talk_output::taken(std::uint64_t number)
{
    lent_->taken(number);
    if (!flushed_->empty())
        watch();
}

void talk_output::lost(std::uint64_t number)
{
    if (lent_->lost(number))
        return;
    receipt(talk_kind::withdrawn, number);
    pending_->complete(number, error::handles_undelivered);
    tell_.trouble("the peer could not take the handles of a message: it was dropped");
    if (!flushed_->empty())
        watch();
}

void talk_output::credited(std::uint64_t bytes)
{
    outstanding_ -= static_cast<std::size_t>(std::min<std::uint64_t>(outstanding_, bytes));
    if (!drained_->empty())
        watch();
}

void talk_output::replied(talk const& said)
{
    lent_->taken(said.number);
    auto body = decode_datum(said.body);
    if (!body)
        return pending_->complete(said.number, error::bad_message);
    bool const failed = static_cast<talk_kind>(said.kind) == talk_kind::failure;
    pending_->complete(said.number, failed ? error_code{error::request_failed} : error_code{},
                       message{std::move(*body), {}});
}

// ---- the end
// -------------------------------------------------------------------------------------

void talk_output::end(error_code reason)
{
    ended_ = reason;
    pending_->fail_all(reason);
    drained_->complete_all(reason);
    flushed_->complete_all(reason);
    let_go();
    lent_->clear();
    backlog_.clear();
    carrier_ = {}; // what it refers to may go now
}

void talk_output::abandon()
{
    drained_->clear();
    flushed_->clear();
}

} // namespace covey::protocol::detail
