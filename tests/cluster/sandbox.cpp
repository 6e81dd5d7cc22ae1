// sandbox: a program of covey with what no example needs: handlers that take their time, never end
// or end their process, a flag of its own, a state as large as the environment says.
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <covey/covey.hpp>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace http = covey::http;
namespace net = boost::asio;

namespace {

std::uint64_t wanted_rows()
{
    char const* const text = std::getenv("SANDBOX_ROWS");
    return text ? std::stoull(text) : 16;
}

struct room : covey::state
{
    covey::map<std::uint64_t, std::uint64_t> rows{*this, "rows", covey::capacity{wanted_rows()}};
};

// Waits ?ms=, as if somebody else had to be asked first.
net::awaitable<http::response> slow(http::request const& asked)
{
    auto const wait = std::stoul(asked.query("ms").value_or("0"));
    net::steady_timer timer{co_await net::this_coro::executor, std::chrono::milliseconds{wait}};
    co_await timer.async_wait(net::use_awaitable);
    co_return http::text("done");
}

http::response never(http::request const&)
{
    for (;;)
        ::pause();
}

// Computes for ever.
http::response spin(http::request const&)
{
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

} // namespace

int main(int argc, char** argv)
{
    std::string greeting = "hello";
    covey::options options;
    options.name = "sandbox";
    options.version = "1.2.3";
    options.flags.push_back({"--greeting", "What /greeting says", [&](std::string const& word) {
                                 if (word.empty())
                                     throw std::invalid_argument{"say something"};
                                 greeting = word;
                             }});
    if (char const* const doubled = std::getenv("SANDBOX_FLAG"))
        options.flags.push_back({doubled, "Another", [](std::string const&) {}});

    return covey::run<room>(argc, argv, options, [&](covey::worker<room>& worker) {
        if (std::getenv("SANDBOX_REFUSES") != nullptr)
            throw std::runtime_error{"the database is not there"};
        worker.get("/greeting", [&](http::request const&) { return http::text(greeting); });
        worker.get("/healthz", [](http::request const&) {
            return http::text("ok").set("X-Worker", std::to_string(::getpid()));
        });
        worker.get("/slow", slow);
        worker.get("/never", never);
        worker.get("/crash",
                   [&worker](http::request const& asked) { return crash(worker, asked); });
        worker.get("/spin", spin);
        worker.get("/poison", [&](http::request const&) {
            auto const done = worker.state().rows.update(7, [](auto const&) {
                std::abort(); // holding the lock
                return std::optional<std::uint64_t>{};
            });
            return http::status(done == covey::put_result::quarantined ? 503 : 200);
        });
    });
}
