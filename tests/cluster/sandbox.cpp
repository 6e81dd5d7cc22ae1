// sandbox: a program of covey with what no example needs: handlers that take their time, never end
// or end their process, a flag of its own, a state as large and limits as many as the environment
// says, clients that may be slow for SANDBOX_PATIENCE milliseconds, workers that start as a file
// says (SANDBOX_START names it), a master that tells everybody
// what it is asked to, and each new worker a hundred numbers (SANDBOX_EARLY).
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <covey/covey.hpp>
#include <covey/worker/http/streams.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace http = covey::http;
namespace net = boost::asio;

namespace {

std::uint64_t wanted_rows()
{
    char const* const text = std::getenv("SANDBOX_ROWS");
    return text ? std::stoull(text) : 16;
}

// "0,1,9": how many connections the worker in each seat takes; -1: as many as come.
std::optional<std::uint32_t> limit_of(std::uint32_t seat, std::string_view limits)
{
    for (; seat > 0; --seat)
        limits.remove_prefix(limits.find(',') + 1);
    auto const limit = std::stol(std::string{limits});
    return limit < 0 ? std::nullopt : std::optional{static_cast<std::uint32_t>(limit)};
}

struct room : covey::state
{
    covey::map<std::uint64_t, std::uint64_t> rows{*this, "rows", covey::capacity{wanted_rows()}};
    covey::lock night_job{*this, "night_job"};
};

// So that a test knows it is inside the handler.
void say_begun(http::request const& asked)
{
    std::fputs((std::string{asked.target()} + " begins\n").c_str(), stderr);
}

// Waits ?ms=, as if somebody else had to be asked first.
net::awaitable<http::response> slow(http::request const& asked)
{
    say_begun(asked);
    auto const wait = std::stoul(asked.query("ms").value_or("0"));
    net::steady_timer timer{co_await net::this_coro::executor, std::chrono::milliseconds{wait}};
    co_await timer.async_wait(net::use_awaitable);
    co_return http::text("done");
}

http::response never(http::request const& asked)
{
    say_begun(asked);
    for (;;)
        ::pause();
}

// Computes for ever.
http::response spin(http::request const& asked)
{
    say_begun(asked);
    for (unsigned volatile turns = 0;;)
        turns = turns + 1;
}

// As deep as the stack goes; the result is used, so that the compiler keeps the calls.
int deeper(int const volatile* above)
{
    int volatile here[256];
    here[0] = *above + 1;
    return here[0] < 0 ? 0 : deeper(here) + here[0];
}

// Ends this worker, ?by= one of the ways in which programs end that did not mean to.
http::response crash(covey::worker<room>& worker, http::request const& asked)
{
    auto const how = asked.query("by").value_or("");
    int volatile zero = 0;
    if (how == "segv")
        std::raise(SIGSEGV);
    if (how == "abort")
        std::abort();
    if (how == "overflow")
        zero = deeper(&zero);
    if (how == "exit")
        std::_Exit(3);
    if (how == "throw")
        net::post(worker.get_executor(), [] { throw std::runtime_error{"on purpose"}; });
    return http::text("still here");
}

// More than any client's buffers hold.
http::response endless()
{
    return http::streamed("text/plain", [](http::response_body& out) -> net::awaitable<void> {
        std::string const piece(64 << 10, 'x');
        for (int i = 0; i != 512; ++i)
            co_await out.write(piece);
    });
}

// How long clients may take over a head, a body or an answer.
void be_patient(covey::worker<room>& worker, std::chrono::milliseconds patience)
{
    http::limits bounds;
    bounds.head_timeout = bounds.body_timeout = bounds.write_timeout = patience;
    worker.limit(bounds);
}

// Holds the lock from now on, as long as this worker lives.
http::response hold(covey::worker<room>& worker)
{
    static std::optional<covey::lock::hold> held;
    if (!held)
        held = worker.state().night_job.try_hold();
    return http::text(held ? std::to_string(::getpid()) : "somebody else's");
}

// Keeps ?mib= of memory from now on, and uses it.
http::response grow(http::request const& asked)
{
    static std::vector<char> kept;
    kept.resize(std::stoul(asked.query("mib").value_or("1")) << 20, 'x');
    return http::text("grown");
}

// ?rounds= times: a hundred changes of the state, twenty relayed ones, and twenty messages of the
// master to every worker.
net::awaitable<http::response> flood(covey::worker<room>& worker, http::request const& asked)
{
    constexpr std::uint64_t words = 20;
    auto const rounds = std::stoull(asked.query("rounds").value_or("1"));
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (std::uint64_t i = 0; i < 5 * words; ++i)
            worker.state().rows.update(
                1, [](auto const& now) { return std::optional{now.value_or(0) + 1}; });
        for (std::uint64_t i = 0; i < words; ++i)
            worker.relay({.field = 0, .kind = 0, .revision = i, .key = {}, .row = {}});
        co_await worker.async_request(words, std::chrono::seconds{30}, net::use_awaitable);
    }
    co_return http::text("told");
}

// What this worker has been told, and what there is.
http::response heard(covey::worker<room>& worker, std::uint64_t told)
{
    return http::text(std::to_string(told) + " of " +
                      std::to_string(worker.state().rows.get(1).value_or(0)));
}

// Says to everybody what a worker asks for, so many times.
void loud_master(covey::master& master)
{
    master.on_request(
        [&master](covey::worker_ref, covey::message said) -> net::awaitable<covey::datum> {
            auto const count = said.body.as<std::uint64_t>().value_or(0);
            for (std::uint64_t i = 0; i < count; ++i)
                master.broadcast("a word to everybody");
            co_return count;
        });
    if (std::getenv("SANDBOX_EARLY") != nullptr)
        master.on(covey::event_kind::fork, [](covey::event const& what) {
            auto worker = what.worker;
            for (int i = 0; i < 100; ++i)
                worker.send(i);
        });
}

// The one word in the file that SANDBOX_START names: how workers that are started now begin.
// Without a file, or a word, they begin well.
std::string start_word()
{
    std::string word;
    if (char const* const path = std::getenv("SANDBOX_START"))
        std::ifstream{path} >> word;
    return word;
}

// In the middle of the set-up.
void start_as(std::string const& word)
{
    if (word == "die") {
        std::fputs("the disk is on fire\nbailing out\n", stderr);
        std::_Exit(3);
    }
    if (word == "segv")
        std::raise(SIGSEGV);
    if (word == "refuse")
        throw std::runtime_error{"the configuration is broken"};
    if (word == "not-yet")
        throw covey::temporary_failure{"the database is not there yet"};
    while (word == "hang")
        ::pause();
}

} // namespace

int main(int argc, char** argv)
{
    // Before anything is said to the master, if there is one.
    while (std::getenv("COVEY_CHANNEL_FD") != nullptr && start_word() == "silent")
        ::pause();
    std::string greeting = "hello";
    covey::options options;
    if (char const* const ms = std::getenv("SANDBOX_BOOT_TIMEOUT"))
        options.boot_timeout = std::chrono::milliseconds{std::stoul(ms)};
    options.name = "sandbox";
    options.version = "1.2.3";
    options.flags.push_back({"--greeting", "What /greeting says", [&](std::string const& word) {
                                 if (word.empty())
                                     throw std::invalid_argument{"say something"};
                                 greeting = word;
                             }});
    if (char const* const doubled = std::getenv("SANDBOX_FLAG"))
        options.flags.push_back({doubled, "Another", [](std::string const&) {}});

    auto const in_worker = [&](covey::worker<room>& worker) {
        if (std::getenv("SANDBOX_REFUSES") != nullptr)
            throw std::runtime_error{"the database is not there"};
        start_as(start_word());
        if (char const* const limits = std::getenv("SANDBOX_LIMITS"))
            worker.limit_connections(limit_of(worker.seat(), limits));
        if (char const* const ms = std::getenv("SANDBOX_PATIENCE"))
            be_patient(worker, std::chrono::milliseconds{std::stoul(ms)});
        worker.get("/endless", [](http::request const&) { return endless(); });
        worker.post("/take", [](http::request const& asked) {
            return http::text(std::to_string(asked.body().size()));
        });
        worker.get("/limit", [&worker](http::request const& asked) { // ?most=
            worker.limit_connections(limit_of(0, asked.query("most").value_or("-1")));
            return http::text("ok");
        });
        worker.get("/greeting", [&](http::request const&) { return http::text(greeting); });
        worker.get("/healthz", [&worker](http::request const&) {
            return http::text("ok")
                .set("X-Worker", std::to_string(::getpid()))
                .set("X-Seat", std::to_string(worker.seat()));
        });
        worker.get("/metrics", http::metrics(worker));
        worker.get("/slow", slow);
        worker.get("/never", never);
        worker.get("/crash",
                   [&worker](http::request const& asked) { return crash(worker, asked); });
        worker.get("/spin", spin);
        worker.get("/grow", grow);
        worker.get("/hold", [&worker](http::request const&) { return hold(worker); });
        worker.get("/poison", [&](http::request const&) {
            auto const done = worker.state().rows.update(7, [](auto const&) {
                std::abort(); // holding the lock
                return std::optional<std::uint64_t>{};
            });
            return http::status(done == covey::put_result::quarantined ? 503 : 200);
        });
        worker.get("/flood",
                   [&worker](http::request const& asked) { return flood(worker, asked); });
        auto const told = std::make_shared<std::uint64_t>(0);
        auto const note = [&worker, told](auto const&) {
            *told = worker.state().rows.get(1).value_or(0);
        };
        worker.on_change(worker.state().rows, note, {.own_changes = true});
        worker.get("/heard",
                   [&worker, told](http::request const&) { return heard(worker, *told); });
        worker.on_relayed([](covey::relayed_change const&) {});
        auto const numbers = std::make_shared<std::string>();
        worker.on_message([numbers](covey::message const& said) {
            if (auto const number = said.body.as<int>())
                numbers->append(std::to_string(*number)).append(" ");
        });
        worker.get("/numbers", [numbers](http::request const&) { return http::text(*numbers); });
    };
    return covey::run<room>(argc, argv, options, in_worker, loud_master);
}
