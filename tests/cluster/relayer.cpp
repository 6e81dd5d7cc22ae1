// relayer: workers that are told the same changes twice, by the segment and by the channel, and say
// by each way what they have heard. POST /write?n= changes so many rows; GET /segment, /channel and
// /both tell, a line a change, what has come by that way; of both, what a worker keeps that looks
// whether it has had a revision.
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <covey/covey.hpp>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

namespace http = covey::http;
namespace net = boost::asio;

namespace {

struct desk : covey::state
{
    covey::map<std::uint64_t, std::uint64_t> rows{*this, "rows", covey::capacity{64}};
};

template <class Number>
std::vector<unsigned char> bytes_of(Number number)
{
    std::vector<unsigned char> out(sizeof number);
    std::memcpy(out.data(), &number, sizeof number);
    return out;
}

std::uint64_t number_in(std::vector<unsigned char> const& bytes)
{
    std::uint64_t out = 0;
    std::memcpy(&out, bytes.data(), std::min(bytes.size(), sizeof out));
    return out;
}

struct heard
{
    std::string segment;
    std::string channel;
    std::string both;
    std::set<std::uint64_t> known;

    void note(std::string& by, std::uint64_t revision, std::uint64_t key, std::uint64_t row)
    {
        auto const line =
            std::to_string(revision) + " " + std::to_string(key) + " " + std::to_string(row) + "\n";
        by += line;
        if (known.insert(revision).second)
            both += line;
    }
};

net::awaitable<http::response> write(covey::worker<desk>& worker, http::request const& asked)
{
    auto& rows = worker.state().rows;
    auto const count = std::stoull(asked.query("n").value_or("1"));
    for (std::uint64_t i = 0; i != count; ++i) {
        std::uint64_t const key = i % 7;
        auto const written = rows.put(key, i);
        worker.relay({.field = rows.index(),
                      .kind = static_cast<std::uint8_t>(covey::change_kind::put),
                      .revision = written.revision,
                      .key = bytes_of(key),
                      .row = bytes_of(i)});
        co_await net::post(net::use_awaitable); // the channel's turn
    }
    co_return http::text(std::to_string(::getpid()));
}

void set_up(covey::worker<desk>& worker)
{
    auto const told = std::make_shared<heard>();
    worker.on_change(worker.state().rows,
                     [told](auto const& change) {
                         told->note(told->segment, change.revision, change.key,
                                    change.after.value_or(0));
                     },
                     {.deliver = covey::delivery::every});
    worker.on_relayed([told](covey::relayed_change const& change) {
        told->note(told->channel, change.revision, number_in(change.key), number_in(change.row));
    });
    worker.get("/healthz", [](http::request const&) {
        return http::text("ok").set("X-Worker", std::to_string(::getpid()));
    });
    worker.post("/write", [&worker](http::request const& asked) { return write(worker, asked); });
    worker.get("/segment", [told](http::request const&) { return http::text(told->segment); });
    worker.get("/channel", [told](http::request const&) { return http::text(told->channel); });
    worker.get("/both", [told](http::request const&) { return http::text(told->both); });
}

} // namespace

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "relayer";
    return covey::run<desk>(argc, argv, std::move(options), set_up);
}
