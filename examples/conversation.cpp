// conversation: a master and its workers talk. Every worker tells the master about each visitor;
// the master counts, answers who asks for the count, and tells everybody when it is round.
//
//   ./dev run conversation          then ask http://127.0.0.1:8080/ a few times, and /count
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <covey/covey.hpp>
#include <memory>
#include <string>

namespace http = covey::http;
namespace net = boost::asio;
using covey::datum;
using covey::message;

struct nothing : covey::state
{};

int main(int argc, char** argv)
{
    auto const in_worker = [](covey::worker<nothing>& worker) {
        worker.on_message([&worker](message said) {
            worker.log("the master says: " + said.body.as<std::string>().value_or("?"));
        });
        worker.get("/", [&worker](http::request const&) {
            worker.send("a visitor");
            return http::text("told\n");
        });
        worker.get("/count", [&worker](http::request const&) -> net::awaitable<http::response> {
            auto const reply = co_await worker.async_request("how many?", std::chrono::seconds{1},
                                                             net::use_awaitable);
            co_return http::text(std::to_string(reply.body.as<std::uint64_t>().value_or(0)) + "\n");
        });
    };

    auto const in_master = [](covey::master& master) {
        auto const visitors = std::make_shared<std::uint64_t>(0);
        master.on(covey::event_kind::message, [&master, visitors](covey::event const&) {
            if (++*visitors % 10 == 0)
                master.broadcast("visitor number " + std::to_string(*visitors));
        });
        master.on_request([visitors](covey::worker_ref, message) -> net::awaitable<datum> {
            co_return *visitors;
        });
    };

    covey::options options;
    options.name = "conversation";
    return covey::run<nothing>(argc, argv, options, in_worker, in_master);
}
