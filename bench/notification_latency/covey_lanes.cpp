#include "covey_lanes.hpp"

#include "board.hpp"
#include "conduct.hpp"
#include "http_load.hpp"
#include "sending.hpp"
#include "taker.hpp"

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <covey/covey.hpp>
#include <cstring>
#include <exception>
#include <fmt/format.h>
#include <harness_child.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;

// A change's number, and as many bytes more as its payload has.
template <std::size_t Bytes>
using row = std::array<std::uint8_t, Bytes>;

template <std::size_t Bytes>
row<Bytes> row_of(std::int64_t sequence)
{
    row<Bytes> out{};
    std::memcpy(out.data(), &sequence, sizeof sequence);
    return out;
}

std::int64_t sequence_in(std::uint8_t const* bytes)
{
    std::int64_t out = 0;
    std::memcpy(&out, bytes, sizeof out);
    return out;
}

struct news : covey::state
{
    covey::value<row<8>> of_8{*this, "of_8"};
    covey::value<row<32>> of_32{*this, "of_32"};
    covey::value<row<100>> of_100{*this, "of_100"};
    covey::value<row<1'000>> of_1000{*this, "of_1000"};
    covey::value<row<4'000>> of_4000{*this, "of_4000"};

    // call(field), the one whose rows have so many bytes.
    template <class Call>
    void with(std::uint32_t bytes, Call call)
    {
        switch (bytes) {
        case 8:
            return call(of_8);
        case 32:
            return call(of_32);
        case 100:
            return call(of_100);
        case 1'000:
            return call(of_1000);
        default:
            return call(of_4000);
        }
    }
};
using news_worker = covey::worker<news>;

template <class Field>
using row_in = decltype(std::declval<Field&>().get());

bool by_socket(run const& made)
{
    return made.lane == "socket";
}

// The one place where covey's lanes subscribe: `handler(change)` for every change of the field.
template <class Field, class Handler>
void listen(news_worker& worker, Field& field, Handler handler)
{
    worker.on_change(field, std::move(handler), {.deliver = covey::delivery::every});
}

// ---- the sender
// ----------------------------------------------------------------------------------

// In any lane the state changes; who has no segment is told through the master.
template <class Field>
void change(news_worker& worker, run const& made, Field& field, std::int64_t sequence)
{
    auto const next = row_of<std::tuple_size_v<row_in<Field>>>(sequence);
    auto const written = field.put(next);
    if (!by_socket(made))
        return;
    covey::relayed_change told;
    told.field = field.index();
    told.kind = static_cast<std::uint8_t>(covey::change_kind::put);
    told.revision = written.revision;
    told.row.resize(next.size());
    std::memcpy(told.row.data(), next.data(), next.size());
    worker.relay(told);
}

// wait_until_ns for a loop: it gets its turns until 20 us before.
net::awaitable<void> until(net::steady_timer& timer, std::int64_t when)
{
    constexpr std::int64_t no_turn_ns = 20'000;
    if (when - now_ns() > sleep_ends_before_ns) {
        timer.expires_at(
            net::steady_timer::time_point{std::chrono::nanoseconds{when - sleep_ends_before_ns}});
        co_await timer.async_wait(net::use_awaitable);
    }
    while (when - now_ns() > no_turn_ns)
        co_await net::post(net::use_awaitable);
    while (now_ns() < when)
        relax();
}

template <class Field>
net::awaitable<void> send(news_worker& worker, run const& made, Field& field)
{
    auto shared = board::attach(made);
    sender_is_here(shared);
    net::steady_timer timer{co_await net::this_coro::executor};
    auto const rest = [&](std::chrono::nanoseconds time) {
        timer.expires_after(time);
        return timer.async_wait(net::use_awaitable);
    };
    while (!shared.all_warmed_up(made)) {
        change(worker, made, field, 0);
        co_await rest(warm_up_pace(made));
    }
    come_to_gate(shared);
    while (!is_let_go(shared))
        co_await rest(1ms);

    auto& notes = shared.common();
    auto const start = now_ns() + (made.flat_out() ? 0 : first_is_due_after_ns);
    notes.start_ns.store(start);
    for (std::int64_t sequence = 1; sequence <= made.samples; ++sequence) {
        if (made.flat_out()) {
            while (!shared.all_saw(made, sequence - window))
                co_await net::post(net::use_awaitable); // the loop's turn: it has sockets to write
            change(worker, made, field, sequence);
            continue;
        }
        auto const due = start + made.due_after_ns(sequence);
        co_await until(timer, due);
        auto const before = now_ns();
        change(worker, made, field, sequence);
        notes.writing.record(now_ns() - before);
        notes.late.record(before - due);
        if (by_socket(made))
            co_await net::post(net::use_awaitable);
    }
    sent_all(shared);
}

// ---- a receiver
// --------------------------------------------------------------------------------

struct reception
{
    reception(run const& made, std::uint32_t nth)
        : shared{board::attach(made)}
        , changes{shared, made, nth}
        , reads{!made.flat_out()}
    {}

    board shared;
    taker changes;
    bool reads; // whether it looks at the state, too
};

template <class Field>
void receive(news_worker& worker, run const& made, Field& field)
{
    auto const all = std::make_shared<reception>(made, worker.seat() - 1);
    if (!by_socket(made)) {
        listen(worker, field, [all, &field](typename Field::change const& told) {
            auto const entered = now_ns();
            if (told.kind == covey::change_kind::resync)
                all->changes.resynced();
            if (!told.after)
                return;
            auto const sequence = sequence_in(told.after->data());
            all->changes.take(sequence, entered);
            if (!all->reads)
                return;
            auto const before = now_ns();
            auto const newest = sequence_in(field.get().data());
            // What the notes themselves took is not the reader's.
            if (newest >= sequence)
                all->changes.read(sequence, entered + (now_ns() - before));
        });
        return;
    }
    worker.on_relayed([all](covey::relayed_change const& told) {
        auto const entered = now_ns();
        all->changes.take(sequence_in(reinterpret_cast<std::uint8_t const*>(told.row.data())),
                          entered);
    });
}

// ---- the program
// ---------------------------------------------------------------------------------

void set_up(news_worker& worker, run const& made)
{
    if (made.pinned)
        pin_to_cpu_of(worker.seat());
    worker.get("/", [](http::request const&) { return http::text("hello world"); });
    worker.state().with(made.payload, [&](auto& field) {
        if (worker.seat() != sender_place)
            return receive(worker, made, field);
        worker.limit_connections(0);
        net::co_spawn(worker.get_executor(), send(worker, made, field),
                      [](std::exception_ptr failed) {
                          if (failed)
                              std::rethrow_exception(failed);
                      });
    });
}

constexpr std::string_view first_word = "--lane";

} // namespace

std::vector<std::uint32_t> const& covey_payloads()
{
    static std::vector<std::uint32_t> const all{8, 32, 100, 1'000, 4'000};
    return all;
}

bool is_covey_lane(int argc, char const* const* argv)
{
    return argc > 1 && argv[1] == first_word;
}

int be_covey_lane(int argc, char const* const* argv)
{
    run made;
    covey::options options;
    options.name = "notification_latency";
    options.log_level = "warning";
    options.flags = {
        {std::string{first_word}, "direct, direct-busy, direct-http or socket",
         [&](std::string const& word) { made.lane = word; }},
        {"--rate", "Changes a second; 0: as many as go",
         [&](std::string const& word) { made.rate = std::stoll(word); }},
        {"--samples", "How many changes to measure",
         [&](std::string const& word) { made.samples = std::stoll(word); }},
        {"--receivers", "How many workers are told",
         [&](std::string const& word) {
             made.receivers = static_cast<std::uint32_t>(std::stoul(word));
         }},
        {"--payload", "Bytes of a change",
         [&](std::string const& word) {
             made.payload = static_cast<std::uint32_t>(std::stoul(word));
         }},
        {"--pinned", "yes or no", [&](std::string const& word) { made.pinned = word == "yes"; }},
        {"--board", "Where the run's shared memory is",
         [&](std::string const& word) { made.board = word; }},
    };
    return covey::run<news>(argc, argv, std::move(options),
                            [&made](news_worker& worker) { set_up(worker, made); });
}

outcome run_covey_lane(run made, std::chrono::milliseconds limit, scratch const& files)
{
    auto shared = board::create(made);
    made.board = shared.path();
    auto const socket = files.file("covey.socket");
    std::vector<child> processes;
    processes.push_back(child::of_this_program({"bench_notification_latency",
                                                std::string{first_word},
                                                made.lane,
                                                "--rate",
                                                std::to_string(made.rate),
                                                "--samples",
                                                std::to_string(made.samples),
                                                "--receivers",
                                                std::to_string(made.receivers),
                                                "--payload",
                                                std::to_string(made.payload),
                                                "--pinned",
                                                made.pinned ? "yes" : "no",
                                                "--board",
                                                made.board,
                                                "--listen",
                                                "unix:" + socket,
                                                "--workers",
                                                std::to_string(made.receivers + 1),
                                                "--busy-poll",
                                                made.lane == "direct-busy" ? "60m" : "0us"}));
    if (made.lane == "direct-http")
        processes.emplace_back([&] { load_with_http(socket); });
    auto out = conduct(shared, made, processes, limit);
    if (processes.size() > 1)
        processes.pop_back(); // whoever loads it would be disappointed
    processes.front().stop(20s);
    return out;
}

} // namespace covey::bench
