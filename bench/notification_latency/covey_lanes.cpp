#include "lanes.hpp"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <covey/covey.hpp>
#include <csignal>
#include <cstring>
#include <exception>
#include <harness_child.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

constexpr std::uint32_t sender_seat = 0;
constexpr std::uint32_t receiver_seat = 1;

struct news : covey::state
{
    covey::value<stamp> latest{*this, "latest"};
    covey::counter warmed_up{*this, "warmed_up"}; // warm-ups that the receiver has seen
    covey::counter seen{*this, "seen"};           // and measured changes
};
using news_worker = covey::worker<news>;

bool by_socket(run const& made)
{
    return made.lane == "socket";
}

// ---- the sender
// ----------------------------------------------------------------------------------

// In either lane the state changes; who has no segment is told through the master.
void change(news_worker& worker, run const& made, std::int64_t sequence)
{
    stamp const now{.sent_ns = now_ns(), .sequence = sequence};
    auto& latest = worker.state().latest;
    auto const written = latest.put(now);
    if (!by_socket(made))
        return;
    covey::relayed_change told;
    told.field = latest.index();
    told.kind = static_cast<std::uint8_t>(covey::change_kind::put);
    told.revision = written.revision;
    told.row.resize(sizeof now);
    std::memcpy(told.row.data(), &now, sizeof now);
    worker.relay(told);
}

net::awaitable<void> send(news_worker& worker, run const& made)
{
    net::steady_timer timer{co_await net::this_coro::executor, pace};
    auto const next = [&] {
        timer.expires_at(timer.expiry() + pace);
        return timer.async_wait(net::use_awaitable);
    };
    auto& state = worker.state();
    for (; state.warmed_up.get() < warm_ups; co_await next())
        change(worker, made, 0);
    if (!made.flat_out) {
        for (std::int64_t sent = 0; sent != made.samples; co_await next())
            change(worker, made, ++sent);
        co_return;
    }
    for (std::int64_t sent = 0; sent != made.samples;) {
        auto const end = std::min(state.seen.get() + window, made.samples);
        while (sent < end)
            change(worker, made, ++sent);
        co_await net::post(net::use_awaitable); // the loop's turn: it has sockets to write
    }
}

// ---- the receiver
// --------------------------------------------------------------------------------

// What ends a cluster from inside is what ends it from outside. The receiver's notes, or their
// absence, tell whether the run went well.
void end_cluster()
{
    ::kill(::getppid(), SIGTERM);
}

class receiver
{
  public:
    receiver(news_worker& worker, run const& made)
        : state_{worker.state()}
        , file_{made.file}
        , notes_{made.samples}
    {}

    void take(stamp const& change)
    try {
        auto const now = now_ns();
        if (change.sequence == 0) {
            state_.warmed_up.add();
            return;
        }
        bool const last = notes_.take(change, now);
        state_.seen.add();
        if (!last)
            return;
        notes_.save(file_);
        end_cluster();
    } catch (std::exception const&) {
        end_cluster();
        throw; // on_change logs it
    }

  private:
    news& state_;
    std::string file_;
    note_taker notes_;
};

void receive(news_worker& worker, run const& made)
{
    auto const taker = std::make_shared<receiver>(worker, made);
    if (!by_socket(made)) {
        auto const take = [taker](covey::value_change<stamp> const& told) {
            if (told.after)
                taker->take(*told.after);
        };
        worker.on_change(worker.state().latest, take, {.deliver = covey::delivery::every});
        return;
    }
    worker.on_relayed([taker](covey::relayed_change const& told) {
        stamp carried;
        if (told.row.size() != sizeof carried)
            return;
        std::memcpy(&carried, told.row.data(), sizeof carried);
        taker->take(carried);
    });
}

// ---- the program
// ---------------------------------------------------------------------------------

void set_up(news_worker& worker, run const& made)
{
    if (made.pinned)
        pin_to_cpu(worker.seat());
    if (worker.seat() == receiver_seat)
        receive(worker, made);
    if (worker.seat() == sender_seat)
        net::co_spawn(worker.get_executor(), send(worker, made), [](std::exception_ptr failed) {
            if (failed)
                std::rethrow_exception(failed);
        });
}

constexpr std::string_view first_word = "--lane";

} // namespace

bool is_covey_lane(int argc, char const* const* argv)
{
    return argc > 1 && argv[1] == first_word;
}

int be_covey_lane(int argc, char const* const* argv)
{
    run made;
    covey::options options;
    options.name = "notification_latency";
    options.listen = {"127.0.0.1:0"};
    options.workers = 2;
    options.log_level = "warning";
    options.flags = {
        {std::string{first_word}, "direct, direct-busy or socket",
         [&](std::string const& word) { made.lane = word; }},
        {"--speed", "paced or flat-out",
         [&](std::string const& word) { made.flat_out = word == "flat-out"; }},
        {"--samples", "How many changes to measure",
         [&](std::string const& word) { made.samples = std::stoll(word); }},
        {"--pinned", "yes or no", [&](std::string const& word) { made.pinned = word == "yes"; }},
        {"--file", "Where the receiver leaves its notes",
         [&](std::string const& word) { made.file = word; }},
    };
    return covey::run<news>(argc, argv, std::move(options),
                            [&made](news_worker& worker) { set_up(worker, made); });
}

void run_covey_lane(run const& made, std::chrono::milliseconds limit)
{
    child::of_this_program({"bench_notification_latency", std::string{first_word}, made.lane,
                            "--speed", made.flat_out ? "flat-out" : "paced", "--samples",
                            std::to_string(made.samples), "--pinned", made.pinned ? "yes" : "no",
                            "--file", made.file, "--busy-poll",
                            made.lane == "direct-busy" ? "60m" : "0us"})
        .wait(limit);
}

} // namespace covey::bench
