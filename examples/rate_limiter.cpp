// rate_limiter: so many requests a second, for all workers together. Who comes too fast is told
// when to come again.
//
//   ./dev run rate_limiter --workers 4 --rate 5
//   for i in 1 2 3 4 5 6 7; do curl -i http://127.0.0.1:8080/; done     # the sixth is 429
#include <charconv>
#include <chrono>
#include <covey/covey.hpp>
#include <optional>
#include <stdexcept>
#include <string>

namespace http = covey::http;

std::uint32_t rate = 10; // a second; --rate

struct gate : covey::state
{
    covey::rate_limiter requests{
        *this, "requests", {.events = rate, .each = std::chrono::seconds{1}}};
    covey::counter refused{*this, "refused"};
};

void set_rate(std::string const& word)
{
    auto const [end, failed] = std::from_chars(word.data(), word.data() + word.size(), rate);
    if (failed != std::errc{} || end != word.data() + word.size() || rate == 0)
        throw std::invalid_argument{"a rate is a number from 1, of requests a second"};
}

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "rate_limiter";
    options.flags = {{"--rate", "So many requests a second, from all clients together", set_rate}};
    return covey::run<gate>(argc, argv, options, [](covey::worker<gate>& worker) {
        auto& state = worker.state();
        worker.get("/refused", [&state](http::request const&) { // not limited: added before
            return http::text(std::to_string(state.refused.get()) + "\n");
        });
        worker.before([&state](http::request const&) -> std::optional<http::response> {
            auto const answer = state.requests.take();
            if (answer)
                return std::nullopt;
            state.refused.add(1);
            auto const wait = std::chrono::ceil<std::chrono::seconds>(answer.retry_after);
            return http::status(429).set("Retry-After", std::to_string(wait.count()));
        });
        worker.get("/", [seat = worker.seat()](http::request const&) {
            return http::text("hello from worker " + std::to_string(seat) + "\n");
        });
    });
}
