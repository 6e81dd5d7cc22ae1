#include "messenger.hpp"

#include "channel.hpp"
#include "datum_codec.hpp"
#include "detail/inbox.hpp"
#include "detail/talk_output.hpp"
#include "log.hpp"
#include "thrown.hpp"

#include <algorithm>
#include <bit>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <optional>

namespace covey {

namespace {

using boost::system::error_code;
using protocol::talk;
using protocol::talk_kind;
using raw_bytes = std::vector<unsigned char>;

constexpr std::size_t reason_bytes_max = 1024; // of a failure
constexpr std::uint64_t troubles_told_max = 100;

raw_bytes reason_body(std::string reason)
{
    reason.resize(std::min(reason.size(), reason_bytes_max));
    return *protocol::encode_datum(datum{std::move(reason)});
}

using message_handler = std::function<void(message)>;
using request_handler = std::function<net::awaitable<datum>(message)>;

// Keeps the handler, whose captures its coroutine uses, until that has ended.
net::awaitable<datum> answer(std::shared_ptr<request_handler const> with, message asked)
{
    co_return co_await (*with)(std::move(asked));
}

// A handler may replace itself, or end the messenger, while it runs: whoever calls it owns it.
template <class Handler>
std::shared_ptr<Handler const> shared(Handler handler)
{
    return handler ? std::make_shared<Handler const>(std::move(handler)) : nullptr;
}

} // namespace

// What outlives the messenger while something of it is in the loop.
struct messenger::core : std::enable_shared_from_this<core>
{
    core(net::any_io_executor executor, carrier by, messenger_limits within)
        : executor_{executor}
        , limits_{within}
        , output_{std::make_shared<protocol::detail::talk_output>(
              executor, std::move(by), within,
              protocol::detail::talk_output::events{
                  [this](std::string what) { trouble(std::move(what)); }, [this] { schedule(); }})}
        , closing_timer_{executor}
    {}

    bool is_open() const { return !ended_ && output_->is_open(); }

    // ---- hearing -----------------------------------------------------------------------------

    void hear(talk said, std::vector<handle> handles)
    {
        if (ended_)
            return;
        switch (static_cast<talk_kind>(said.kind)) {
        case talk_kind::message:
        case talk_kind::request:
            return arrived(std::move(said), std::move(handles));
        case talk_kind::reply:
        case talk_kind::failure:
            return output_->replied(said);
        case talk_kind::taken:
            return output_->taken(said.number);
        case talk_kind::lost:
            return output_->lost(said.number);
        case talk_kind::credit:
            return output_->credited(said.number);
        case talk_kind::again:
            return arrived_again(said, std::move(handles));
        case talk_kind::withdrawn:
            if (auto const dropped = inbox_.drop(said.number)) {
                consumed(dropped->weight);
                schedule();
            }
            return;
        }
        trouble("the peer sent talk of an unknown kind, " + std::to_string(said.kind));
    }

    void arrived(talk said, std::vector<handle> handles)
    {
        if (unread_ >= limits_.window)
            return trouble("the peer sends more than its window allows: a message was dropped");
        protocol::detail::heard in;
        in.is_request = static_cast<talk_kind>(said.kind) == talk_kind::request;
        in.awaits_handles = handles.empty() && !said.kinds.empty();
        in.number = said.number;
        in.weight = protocol::detail::weight_of(said);
        in.body = std::move(said.body);
        unread_ += in.weight;

        char const* wrong = nullptr;
        if (said.kinds.size() > message_handles_max || (in.number == 0 && !said.kinds.empty()))
            wrong = "the peer sent handles that nobody may send";
        else if (in.awaits_handles && inbox_.awaiting(in.number))
            wrong = "the peer sent two messages of one number";
        else if (!in.awaits_handles)
            wrong = adopt(said.kinds, std::move(handles), in.handles);
        if (wrong)
            return refuse(in, wrong);
        if (in.awaits_handles)
            output_->receipt(talk_kind::lost, in.number);
        else if (!in.handles.empty())
            output_->receipt(talk_kind::taken, in.number);
        inbox_.push(std::move(in));
        schedule();
    }

    void arrived_again(talk const& said, std::vector<handle> handles)
    {
        auto* const waiting = inbox_.awaiting(said.number);
        if (!waiting)
            return;
        if (handles.empty())
            return output_->receipt(talk_kind::lost, said.number);
        if (auto const* wrong = adopt(said.kinds, std::move(handles), waiting->handles)) {
            refuse(*inbox_.drop(said.number), wrong);
        } else {
            waiting->awaits_handles = false;
            output_->receipt(talk_kind::taken, said.number);
        }
        schedule();
    }

    // Makes `into` of the handles that came, or says what is wrong with them.
    static char const* adopt(raw_bytes const& kinds, std::vector<handle> handles,
                             std::vector<passed_handle>& into)
    {
        if (kinds.size() != handles.size())
            return "the peer sent another number of handles than it said";
        for (std::size_t at = 0; at < kinds.size(); ++at) {
            auto const kind = static_cast<handle_kind>(kinds[at]);
            passed_handle& last = into.emplace_back(std::move(handles[at]));
            if (last.kind() != kind) {
                into.clear();
                return "the peer sent a handle of another kind than it said";
            }
        }
        return nullptr;
    }

    // A message that is given to nobody. Its sender is told what it needs to go on.
    void refuse(protocol::detail::heard const& in, char const* why)
    {
        output_->receipt(talk_kind::taken, in.number);
        if (in.is_request &&
            !output_->has_backlog()) // else it times out there: nothing piles up here
            output_->reply(talk_kind::failure, in.number, reason_body(why));
        consumed(in.weight);
        trouble(std::string{why} + ": it was dropped");
    }

    // The application has taken this much; the peer is told by the quarter of a window.
    void consumed(std::size_t weight)
    {
        unread_ -= std::min(unread_, weight);
        uncredited_ += weight;
        if (uncredited_ >= limits_.window / 4)
            output_->receipt(talk_kind::credit, std::exchange(uncredited_, 0));
    }

    // ---- giving to the application -----------------------------------------------------------

    bool messages_wanted() const { return on_message_ != nullptr; }
    bool requests_wanted() const
    {
        return on_request_ && running_ < limits_.requests_running_max && !output_->has_backlog();
    }

    void schedule()
    {
        bool const is_over = ended_ && on_end_;
        if (scheduled_ || (!inbox_.has_next(messages_wanted(), requests_wanted()) && !is_over))
            return;
        scheduled_ = true;
        net::post(executor_, [weak = weak_from_this()] {
            if (auto const self = weak.lock()) {
                self->scheduled_ = false;
                self->give_next();
            }
        });
    }

    void give_all()
    {
        while (inbox_.has_next(messages_wanted(), requests_wanted()))
            give_next();
    }

    void give_next()
    {
        auto next = inbox_.next(messages_wanted(), requests_wanted());
        if (!next) {
            if (auto const handler = ended_ ? std::exchange(on_end_, nullptr) : nullptr)
                guarded("the end", [&] { (*handler)(ended_); });
            return;
        }
        consumed(next->weight);
        schedule(); // first: the handler may end this
        auto body = protocol::decode_datum(next->body);
        if (!body) {
            if (next->is_request)
                output_->reply(talk_kind::failure, next->number, reason_body("malformed msgpack"));
            return trouble("the peer sent malformed msgpack: it was dropped");
        }
        message said{std::move(*body), std::move(next->handles)};
        if (next->is_request)
            return run(next->number, std::move(said));
        auto const handler = on_message_;
        guarded("a message", [&] { (*handler)(std::move(said)); });
    }

    template <class Call>
    void guarded(char const* of, Call call)
    {
        auto const alive = shared_from_this();
        try {
            call();
        } catch (...) {
            trouble(std::string{"the handler of "} + of +
                    " threw: " + protocol::words_of(std::current_exception()));
        }
    }

    void run(std::uint64_t number, message asked)
    {
        ++running_;
        net::co_spawn(executor_, answer(on_request_, std::move(asked)),
                      [weak = weak_from_this(), number](std::exception_ptr thrown, datum said) {
                          if (auto const self = weak.lock())
                              self->answered(number, std::move(thrown), said);
                      });
    }

    void answered(std::uint64_t number, std::exception_ptr thrown, datum const& said)
    {
        --running_;
        auto body = thrown ? std::nullopt : protocol::encode_datum(said);
        if (thrown)
            output_->reply(talk_kind::failure, number, reason_body(protocol::words_of(thrown)));
        else if (!body || body->size() > message_bytes_max)
            output_->reply(talk_kind::failure, number,
                           reason_body("the reply is too large or too deep"));
        else
            output_->reply(talk_kind::reply, number, std::move(*body));
        schedule();
    }

    // A peer that only makes trouble fills nobody's log.
    void trouble(std::string what)
    {
        if (++troubles_ > troubles_told_max && !std::has_single_bit(troubles_))
            return;
        what += " (" + std::to_string(troubles_) + ")";
        net::post(executor_, [weak = weak_from_this(), what = std::move(what)]() mutable {
            auto const self = weak.lock();
            if (auto const handler = self ? self->on_error_ : nullptr)
                self->guarded("an error", [&] { (*handler)(std::move(what)); });
            else if (self)
                log::warning(what);
        });
    }

    // ---- the end -----------------------------------------------------------------------------

    void end(error_code reason)
    {
        if (ended_)
            return;
        ended_ = reason ? reason : protocol::error::closed;
        closing_timer_.cancel();
        output_->end(ended_);
        inbox_.drop_unanswerable();
        if (channel_)
            channel_->close(ended_);
        schedule();
    }

    void close(std::chrono::milliseconds within)
    {
        if (!is_open())
            return;
        output_->close();
        auto const then = [weak = weak_from_this()](error_code) {
            if (auto const self = weak.lock())
                self->end(protocol::error::closed);
        };
        closing_timer_.expires_after(within);
        closing_timer_.async_wait(then);
        output_->wait_flushed(then);
    }

    // The messenger is gone.
    void destroy()
    {
        on_message_ = nullptr;
        on_request_ = nullptr;
        on_end_ = nullptr;
        end(net::error::operation_aborted);
        inbox_.clear();
        channel_ = nullptr;
    }

    // ---- a channel of its own ----------------------------------------------------------------

    void own(handle socket)
    {
        channel_ = std::make_unique<protocol::peer_channel>(executor_, std::move(socket));
        output_->carry_by(carried_by(*channel_));
        receive();
    }

    void receive()
    {
        channel_->async_receive([weak = weak_from_this()](
                                    error_code failed, protocol::envelope<protocol::from_peer> in) {
            auto const self = weak.lock();
            if (!self || self->ended_)
                return;
            if (failed && failed != protocol::error::handles_lost)
                return self->end(failed);
            self->hear(std::get<talk>(std::move(in.message)), std::move(in.handles));
            self->receive();
        });
    }

    net::any_io_executor executor_;
    std::unique_ptr<protocol::peer_channel> channel_; // in the owning form
    messenger_limits limits_;
    std::shared_ptr<protocol::detail::talk_output> output_;
    net::steady_timer closing_timer_;

    protocol::detail::inbox inbox_;
    std::size_t unread_ = 0;     // of the peer's: the application has not taken it
    std::size_t uncredited_ = 0; // it has, and the peer does not know
    std::size_t running_ = 0;    // requests of the peer
    std::uint64_t troubles_ = 0;

    std::shared_ptr<message_handler const> on_message_;
    std::shared_ptr<request_handler const> on_request_;
    std::shared_ptr<std::function<void(std::string)> const> on_error_;
    std::shared_ptr<std::function<void(error_code)> const> on_end_;

    bool scheduled_ = false; // give_next() is in the loop
    error_code ended_;
};

messenger::messenger(net::any_io_executor executor, carrier by, messenger_limits limits)
    : core_{std::make_shared<core>(std::move(executor), std::move(by), limits)}
{}

messenger::messenger(net::any_io_executor executor, handle channel, messenger_limits limits)
    : core_{std::make_shared<core>(std::move(executor), carrier{}, limits)}
{
    core_->own(std::move(channel));
}

messenger::~messenger()
{
    if (core_)
        core_->destroy();
}

messenger::messenger(messenger&&) noexcept = default;

messenger& messenger::operator=(messenger&& other) noexcept
{
    messenger old{std::move(*this)};
    core_ = std::move(other.core_);
    return *this;
}

send_status messenger::send(datum const& body, std::vector<passed_handle> handles)
{
    return core_->output_->send(body, std::move(handles));
}

void messenger::start_request(datum const& body, std::vector<passed_handle> handles,
                              std::chrono::milliseconds timeout, reply_handler handler)
{
    core_->output_->request(body, std::move(handles), timeout, std::move(handler));
}

void messenger::start_drained(drained_handler handler)
{
    core_->output_->wait_drained(std::move(handler));
}

void messenger::start_flushed(drained_handler handler)
{
    core_->output_->wait_flushed(std::move(handler));
}

void messenger::on_message(std::function<void(message)> handler)
{
    core_->on_message_ = shared(std::move(handler));
    core_->schedule();
}

void messenger::on_request(std::function<net::awaitable<datum>(message)> handler)
{
    core_->on_request_ = shared(std::move(handler));
    core_->schedule();
}

void messenger::on_error(std::function<void(std::string)> handler)
{
    core_->on_error_ = shared(std::move(handler));
}

void messenger::on_end(std::function<void(error_code)> handler)
{
    core_->on_end_ = shared(std::move(handler));
    core_->schedule();
}

bool messenger::is_open() const noexcept
{
    return core_->is_open();
}

void messenger::close(std::chrono::milliseconds within)
{
    core_->close(within);
}

void messenger::hear(talk said, std::vector<handle> handles)
{
    core_->hear(std::move(said), std::move(handles));
}

void messenger::give_heard()
{
    auto const alive = core_; // a handler may let go of this
    alive->give_all();
}

void messenger::end(error_code reason)
{
    core_->end(reason);
}

} // namespace covey
