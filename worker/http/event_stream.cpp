#include "event_stream.hpp"

#include "event_sink.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <deque>
#include <optional>
#include <set>
#include <utility>

namespace covey::http {

namespace net = boost::asio;

namespace {

// One "field: value" line; what would end the line early is left out of it.
void append_line(std::string& out, std::string_view field, std::string_view value)
{
    out += field;
    out += ": ";
    for (char const c : value)
        if (c != '\r' && c != '\n' && c != '\0')
            out += c;
    out += '\n';
}

// An event in the stream's format: https://html.spec.whatwg.org/#event-stream-interpretation.
// CR, LF and CRLF all end a line there, so data is split at each of them.
std::string formatted(event const& from, std::uint64_t id)
{
    std::string out;
    if (id != 0)
        append_line(out, "id", std::to_string(id));
    if (!from.name.empty())
        append_line(out, "event", from.name);
    std::string_view left = from.data;
    for (bool more = true; more;) {
        auto const end = left.find_first_of("\r\n");
        more = end != left.npos;
        append_line(out, "data", left.substr(0, end));
        if (more)
            left.remove_prefix(end + (left.substr(end).starts_with("\r\n") ? 2 : 1));
    }
    out += '\n';
    return out;
}

// No event, but the client will resume from this id.
std::string only_id(std::uint64_t id)
{
    return id == 0 ? "" : "id: " + std::to_string(id) + "\n\n";
}

std::optional<std::uint64_t> last_event_id(request const& asked)
{
    auto const text = asked.header("Last-Event-ID");
    std::uint64_t id = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (text.empty() || failed != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return id;
}

response crowded()
{
    return status(503).set("Retry-After", "1");
}

response empty()
{
    response made;
    made.set("Content-Type", "text/event-stream").set("Cache-Control", "no-store");
    return made;
}

} // namespace

struct event_stream::core : std::enable_shared_from_this<core>
{
    core(net::any_io_executor executor, options given)
        : settings{std::move(given)}
        , loop{executor}
        , keep_alive{executor}
        , forgotten{settings.since}
        , newest{settings.since}
    {}

    struct remembered
    {
        std::uint64_t id;
        std::string bytes;
    };

    void to_all(std::string_view bytes);
    void flush_soon();
    void flush();
    void end_polls();
    void keep_clients();
    std::string from_the_start(bool known_before) const;
    std::string since_last(std::optional<std::uint64_t> last, event_start start) const;
    template <class Call>
    void for_each(Call call);

    options settings;
    net::any_io_executor loop;
    net::steady_timer keep_alive;
    std::deque<remembered> backlog; // ids rise; all of them above `forgotten`
    std::uint64_t forgotten;        // the newest id that cannot be told again
    std::uint64_t newest;
    std::vector<std::weak_ptr<event_sink>> sinks;
    std::set<net::steady_timer*> polls; // of those that wait
    std::size_t clients = 0;
    bool flushing = false;
};

template <class Call>
void event_stream::core::for_each(Call call)
{
    // Backwards, because a call may end its session and open none: places below stay.
    for (std::size_t i = sinks.size(); i-- > 0;) {
        if (auto const sink = sinks[i].lock())
            call(*sink);
        else {
            sinks[i] = std::move(sinks.back());
            sinks.pop_back();
        }
    }
}

void event_stream::core::to_all(std::string_view bytes)
{
    for_each([&](event_sink& sink) { sink.push(bytes); });
    flush_soon();
}

// Clients are woken once a turn of the loop, so that the events of one dispatch share a write.
void event_stream::core::flush_soon()
{
    if (std::exchange(flushing, true))
        return;
    net::post(loop, [weak = weak_from_this()] {
        if (auto const self = weak.lock())
            self->flush();
    });
}

void event_stream::core::flush()
{
    flushing = false;
    end_polls();
    for_each([](event_sink& sink) {
        if (sink.has_news())
            sink.wake();
    });
}

void event_stream::core::end_polls()
{
    for (auto* const one : polls)
        one->cancel();
}

void event_stream::core::keep_clients()
{
    keep_alive.expires_after(settings.keep_alive);
    keep_alive.async_wait([weak = weak_from_this()](boost::system::error_code stopped) {
        auto const self = weak.lock();
        if (stopped || !self)
            return;
        self->for_each([](event_sink& sink) {
            if (sink.is_quiet())
                sink.push(":\n\n");
        });
        self->flush_soon();
        if (self->clients > 0)
            self->keep_clients();
    });
}

std::string event_stream::core::from_the_start(bool known_before) const
{
    auto rows = settings.snapshot ? settings.snapshot() : std::vector<event>{};
    // In the order of ids: a client that loses its connection in the middle has seen everything up
    // to the last id it got. A row newer than the stream carries none, for what happened just
    // before it may not have been told yet.
    std::sort(rows.begin(), rows.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
    std::string out;
    if (known_before)
        out += formatted({.id = 0, .name = "reset", .data = "{}"}, 0);
    for (auto const& row : rows)
        out += formatted(row, row.id <= newest ? row.id : 0);
    return out + only_id(newest);
}

std::string event_stream::core::since_last(std::optional<std::uint64_t> last,
                                           event_start start) const
{
    if (!last && start == event_start::now)
        return only_id(newest); // it resumes from here if it leaves before the first event
    // An id from the future is another cluster's, or of a worker that is ahead: start over.
    if (!last || *last < forgotten || *last > newest)
        return from_the_start(last.has_value());
    auto const first =
        std::upper_bound(backlog.begin(), backlog.end(), *last,
                         [](std::uint64_t id, remembered const& kept) { return id < kept.id; });
    std::string out;
    for (auto at = first; at != backlog.end(); ++at)
        out += at->bytes;
    return out;
}

event_stream::event_stream(net::any_io_executor executor, options settings)
    : core_{std::make_shared<core>(std::move(executor), std::move(settings))}
{}

event_stream::~event_stream()
{
    core_->keep_alive.cancel();
    core_->for_each([](event_sink& sink) { sink.end(); });
    // The last flush outlives the stream.
    net::post(core_->loop, [kept = core_] { kept->flush(); });
}

void event_stream::publish(event const& happened)
{
    auto& stream = *core_;
    bool const remember = happened.id > stream.newest;
    auto bytes = formatted(happened, remember ? happened.id : 0);
    stream.to_all(bytes);
    if (!remember)
        return;
    stream.newest = happened.id;
    stream.backlog.push_back({happened.id, std::move(bytes)});
    if (stream.backlog.size() > stream.settings.backlog) {
        stream.forgotten = stream.backlog.front().id;
        stream.backlog.pop_front();
    }
}

void event_stream::reset(std::uint64_t until)
{
    core_->backlog.clear();
    core_->newest = std::max(core_->newest, until);
    core_->forgotten = core_->newest;
    core_->to_all(core_->from_the_start(true));
}

response event_stream::open(request const& asked, event_start start)
{
    auto& stream = *core_;
    if (stream.clients >= stream.settings.clients_max)
        return crowded();
    auto made = empty();
    made.set("X-Accel-Buffering", "no"); // nginx would keep events back
    auto const last = last_event_id(asked);
    made.body = "retry: " + std::to_string(stream.settings.retry.count()) + "\n\n" +
                stream.since_last(last, start);
    made.events = std::make_shared<event_sink>(
        stream.settings.pending_bytes_max, stream.settings.retry, [weak = std::weak_ptr{core_}] {
            if (auto const self = weak.lock())
                --self->clients;
        });
    stream.sinks.push_back(made.events);
    if (stream.clients++ == 0)
        stream.keep_clients();
    return made;
}

// The stream may go while this waits: it holds on to what it needs.
net::awaitable<response> event_stream::poll(request const& asked, std::chrono::milliseconds wait,
                                            event_start start)
{
    auto const stream = core_;
    auto const last = last_event_id(asked);
    auto made = empty();
    made.body = stream->since_last(last, start);
    if (!made.body.empty() || !last)
        co_return made;
    if (stream->clients + stream->polls.size() >= stream->settings.clients_max)
        co_return crowded();
    net::steady_timer until{stream->loop, wait};
    stream->polls.insert(&until);
    boost::system::error_code ended;
    co_await until.async_wait(net::redirect_error(net::use_awaitable, ended));
    stream->polls.erase(&until);
    made.body = stream->since_last(last, start);
    co_return made.body.empty() ? status(204) : std::move(made);
}

void event_stream::end_polls()
{
    core_->end_polls();
}

std::size_t event_stream::clients() const
{
    return core_->clients + core_->polls.size();
}

} // namespace covey::http
