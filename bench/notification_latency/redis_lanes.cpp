#include "conduct.hpp"
#include "peers.hpp"
#include "servers.hpp"

#if BENCH_HIREDIS

#include "floor_parts.hpp"
#include "taker.hpp"

#include <hiredis/hiredis.h>
#include <memory>
#include <stdexcept>

namespace covey::bench {

namespace {

constexpr std::int64_t together = 64; // commands on their way before their replies are read

struct redis_end
{
    void operator()(redisContext* context) const { ::redisFree(context); }
    void operator()(redisReply* reply) const { ::freeReplyObject(reply); }
};
using redis_connection = std::unique_ptr<redisContext, redis_end>;
using reply = std::unique_ptr<redisReply, redis_end>;

redis_connection connect_to_redis(std::string const& socket)
{
    redis_connection out{::redisConnectUnix(socket.c_str())};
    if (!out || out->err != 0)
        throw std::runtime_error{"cannot connect to redis"};
    return out;
}

reply next(redis_connection const& from)
{
    void* got = nullptr;
    if (::redisGetReply(from.get(), &got) != REDIS_OK)
        throw std::runtime_error{std::string{"redis: "} + from->errstr};
    reply out{static_cast<redisReply*>(got)};
    if (out->type == REDIS_REPLY_ERROR)
        throw std::runtime_error{std::string{"redis: "} + out->str};
    return out;
}

template <class... Words>
reply ask(redis_connection const& redis, char const* format, Words... words)
{
    ::redisAppendCommand(redis.get(), format, words...);
    return next(redis);
}

bool by_stream(run const& made)
{
    return made.lane == "redis-stream";
}

void send_by_redis(board& shared, run const& made, std::string const& socket)
{
    auto const redis = connect_to_redis(socket);
    change_bytes change{made.payload};
    std::int64_t unanswered = 0;
    auto const* const command = by_stream(made) ? "XADD notices * change %b" : "PUBLISH notices %b";
    send_all(
        shared, made, together,
        [&](std::int64_t sequence) {
            auto const& bytes = change.of(sequence);
            ::redisAppendCommand(redis.get(), command, bytes.data(), bytes.size());
            ++unanswered;
        },
        [&] {
            for (; unanswered != 0; --unanswered)
                next(redis);
        });
}

void receive_published(board& shared, run const& made, std::string const& socket)
{
    auto const redis = connect_to_redis(socket);
    ask(redis, "SUBSCRIBE notices");
    taker taking{shared, made, 0};
    while (!taking.is_done()) {
        auto const message = next(redis);
        auto const entered = now_ns();
        taking.take(change_bytes::sequence_in(message->element[2]->str), entered);
    }
}

// Entries behind the last one that was seen: none is missed between two reads.
void receive_streamed(board& shared, run const& made, std::string const& socket)
{
    auto const redis = connect_to_redis(socket);
    taker taking{shared, made, 0};
    for (std::string last = "0-0"; !taking.is_done();) {
        auto const got =
            ask(redis, "XREAD COUNT %d BLOCK 0 STREAMS notices %s", int{window}, last.c_str());
        auto const entered = now_ns();
        auto const& entries = *got->element[0]->element[1];
        for (std::size_t i = 0; i != entries.elements; ++i) {
            auto const& entry = *entries.element[i];
            taking.take(change_bytes::sequence_in(entry.element[1]->element[1]->str), entered);
            last = entry.element[0]->str;
        }
    }
}

} // namespace

std::string missing_redis(scratch const& files)
{
    return missing_redis_server(files);
}

outcome run_redis(run made, std::chrono::milliseconds limit, scratch const& files)
{
    auto const socket = redis_socket(files);
    ask(connect_to_redis(socket), "DEL notices");
    auto shared = board::create(made);
    std::vector<child> processes;
    processes.push_back(process_of(made, 1, [&] {
        (by_stream(made) ? receive_streamed : receive_published)(shared, made, socket);
    }));
    processes.push_back(
        process_of(made, sender_place, [&] { send_by_redis(shared, made, socket); }));
    return conduct(shared, made, processes, limit);
}

} // namespace covey::bench

#else

#include <stdexcept>

namespace covey::bench {

std::string missing_redis(scratch const&)
{
    return "libhiredis-dev, when it was built";
}

outcome run_redis(run, std::chrono::milliseconds, scratch const&)
{
    throw std::logic_error{"a lane that is missing was asked for a run"};
}

} // namespace covey::bench

#endif
