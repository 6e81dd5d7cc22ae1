// played_master: a worker process with a runtime in it, and the master's end of its channel, which
// the test plays.
#pragma once

#include "support/catch.hpp"
#include "support/every_change.hpp"
#include "support/http_client.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/version.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/segment.hpp>
#include <covey/shm/text.hpp>
#include <covey/worker/runtime.hpp>
#include <csignal>
#include <deque>
#include <fcntl.h>
#include <functional>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

namespace covey::test {

namespace http = covey::http;
namespace net = boost::asio;

struct board : state
{
    counter visits{*this, "visits"};
    map<text<16>, std::int64_t> scores{*this, "scores", capacity{64}};
};

inline void set_up(runtime& worker, board& state)
{
    worker.route("GET", "/visit", [&state](http::request const&) {
        return http::text(std::to_string(state.visits.add(1)));
    });
    worker.route("GET", "/slow", [](http::request const&) -> net::awaitable<http::response> {
        net::steady_timer timer{co_await net::this_coro::executor, std::chrono::milliseconds{100}};
        co_await timer.async_wait(net::use_awaitable);
        co_return http::text("slow");
    });
    worker.route("GET", "/never", [](http::request const&) -> net::awaitable<http::response> {
        net::steady_timer timer{co_await net::this_coro::executor, std::chrono::hours{1}};
        co_await timer.async_wait(net::use_awaitable);
        co_return http::text("never");
    });
    worker.on_relayed([&worker](relayed_change const& change) {
        auto back = change;
        ++back.revision;
        worker.relay(back);
    });
    // Every change comes back over the channel, so that the test sees what was told.
    worker.changes().on_change(
        state.scores,
        [&worker](auto const& change) {
            worker.relay(
                {.field = 1, .kind = 0, .revision = change.revision, .key = {}, .row = {}});
        },
        covey::test::every_change);
}

// A worker process with a runtime in it, and the master's end of its channel.
template <class State = board>
class played_master
{
  public:
    explicit played_master(std::function<void(runtime&, State&)> prepare)
        : memory_{segment::create(board{}.described(), 2, "test")}
        , bells_{doorbells::make(2)}
    {
        auto [mine, theirs] = protocol::make_socket_pair();
        pid_ = ::fork();
        if (pid_ == 0) {
            mine.reset();
            State view;
            runtime worker{std::move(theirs), view, [&](runtime& ready) { prepare(ready, view); }};
            ::_exit(worker.run());
        }
        theirs.reset();
        channel_.emplace(loop_.get_executor(), std::move(mine));
        memory_.open_block(1, {.pid = pid_, .id = 7, .generation = 3});
        memory_.open_block(0, {.pid = ::getpid(), .id = 6, .generation = 3});
        receive();
    }
    ~played_master()
    {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }

    std::uint64_t busy_poll_us = 0;
    std::uint64_t drain_deadline_ms = 30'000;
    std::uint64_t beat_ms = 0;
    std::uint32_t addresses = 0; // announced without a socket
    handle standard_error;       // lent with begin
    bool hears_talk = true;

    // hello .. begin
    void introduce(std::uint32_t version = protocol::version, handle listening = {})
    {
        expect<protocol::hello>();
        send(protocol::welcome{.version = version,
                               .id = 7,
                               .seat = 1,
                               .generation = 3,
                               .block = 1,
                               .blocks = 2,
                               .name = "test",
                               .log_level = "error",
                               .log_format = "text",
                               .busy_poll_us = busy_poll_us,
                               .drain_deadline_ms = drain_deadline_ms,
                               .beat_ms = beat_ms},
             one(memory_.lend()));
        std::vector<shared_handle> bells;
        for (auto const& bell : bells_.handles())
            bells.push_back(share(bell.duplicate()));
        send(protocol::doorbells{.first_block = 0}, std::move(bells));
        for (std::uint32_t index = 0; index < addresses; ++index)
            send(protocol::listener{.index = index, .address = "test"});
        auto const listeners = addresses + (listening.is_open() ? 1U : 0U);
        if (listening.is_open())
            send(protocol::listener{.index = 0, .address = "test"}, one(std::move(listening)));
        auto lent = standard_error.is_open() ? one(std::move(standard_error))
                                             : std::vector<shared_handle>{};
        send(protocol::begin{.listeners = listeners}, std::move(lent));
    }
    void start()
    {
        introduce();
        expect<protocol::ready>();
        expect<protocol::watch_changes>();
    }

    void send(protocol::from_master const& message, std::vector<shared_handle> with = {})
    {
        channel_->send(message, std::move(with));
    }
    static std::vector<shared_handle> one(handle passed) { return {share(std::move(passed))}; }
    http_client pass(std::uint64_t ticket)
    {
        auto [theirs, client] = http_client::tcp_pair();
        ::fcntl(theirs.get(), F_SETFL, O_NONBLOCK);
        send(protocol::connection{.ticket = ticket, .listener = 0}, one(std::move(theirs)));
        return std::move(client);
    }

    // The next message, which must be a Message.
    template <class Message>
    Message expect()
    {
        REQUIRE(run_until(loop_, [&] { return !heard_.empty() || ended_; }));
        REQUIRE_FALSE(heard_.empty());
        auto const next = std::move(heard_.front());
        heard_.pop_front();
        REQUIRE(std::holds_alternative<Message>(next));
        return std::get<Message>(next);
    }
    bool is_silent() const { return heard_.empty(); }
    void run_loop() { loop_.poll(); }

    void close() { channel_->close(); }
    int exit_code()
    {
        int status = -1;
        if (!wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }))
            return -1;
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    pid_t pid() const { return pid_; }
    segment& memory() { return memory_; }
    doorbells const& bells() const { return bells_; }

  private:
    void receive()
    {
        channel_->async_receive(
            [this](boost::system::error_code failed, protocol::envelope<protocol::from_worker> in) {
                if (failed) {
                    ended_ = true;
                    return;
                }
                if (hears_talk || !std::holds_alternative<protocol::talk>(in.message))
                    heard_.push_back(std::move(in.message));
                receive();
            });
    }

    segment memory_;
    doorbells bells_;
    pid_t pid_ = -1;
    net::io_context loop_;
    std::optional<protocol::master_channel> channel_;
    std::deque<protocol::from_worker> heard_;
    bool ended_ = false;
};

inline std::string get(std::string const& target)
{
    return "GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n";
}

} // namespace covey::test
