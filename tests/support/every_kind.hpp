// every_kind: a state with a field of each kind and a row with a member of each kind.
#pragma once

#include <boost/describe/enum.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/extreme.hpp>
#include <covey/shm/gauge.hpp>
#include <covey/shm/histogram.hpp>
#include <covey/shm/leader.hpp>
#include <covey/shm/lock.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/queue.hpp>
#include <covey/shm/rate_limiter.hpp>
#include <covey/shm/ring.hpp>
#include <covey/shm/state.hpp>
#include <covey/shm/value.hpp>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

namespace covey::test {

enum class mood : std::int16_t { calm = -1, busy = 7 };
BOOST_DESCRIBE_ENUM(mood, calm, busy)

struct point
{
    std::int8_t x = 0;
    double y = 0;
    friend bool operator==(point const&, point const&) = default;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

struct person
{
    covey::text<48> name{};
    std::uint8_t age = 0;
    mood feels = mood::calm;
    bool here = false;
    covey::bytes<5> token{};
    std::array<point, 2> corners{};
    covey::inplace_vector<std::uint32_t, 3> numbers{};
    std::optional<std::int64_t> score{};
    std::optional<point> at{};
    std::uint64_t large = 0;
    float share = 0;
    friend bool operator==(person const&, person const&) = default;
};
BOOST_DESCRIBE_STRUCT(person, (),
                      (name, age, feels, here, token, corners, numbers, score, at, large, share))

struct every_kind : covey::state
{
    covey::counter visits{*this, "visits"};
    covey::gauge open{*this, "open"};
    covey::maximum slowest{*this, "slowest"};
    covey::minimum fastest{*this, "fastest"};
    covey::histogram sizes{*this, "sizes", {.highest = 1'000'000, .precision_bits = 5}};
    covey::value<person> boss{*this, "boss"};
    covey::map<covey::text<16>, person> people{*this, "people", covey::capacity{300}};
    covey::map<std::uint32_t, std::int64_t> sessions{
        *this, "sessions", covey::capacity{64}, {.expires = true, .full = when_full::evict}};
    covey::ring<point> trail{*this, "trail", covey::capacity{20}};
    covey::queue<person> jobs{*this, "jobs", covey::capacity{12}};
    covey::lock nightly{*this, "nightly"};
    covey::leader chief{*this, "chief"};
    covey::rate_limiter logins{*this, "logins", {.events = 10, .each = std::chrono::hours{1}}};
    covey::map<mood, std::int32_t> moods{
        *this, "moods", covey::capacity{2}, {.expires = true, .full = when_full::expire_only}};
};

inline person random_person(std::mt19937_64& random)
{
    auto const number = random();
    std::array<std::byte, 5> token{};
    for (auto& byte : token)
        byte = static_cast<std::byte>(random());
    person out{.name = std::string(number % 49, static_cast<char>('a' + number % 26)),
               .age = static_cast<std::uint8_t>(random()),
               .feels = random() % 2 != 0 ? mood::busy : mood{12},
               .here = random() % 2 != 0,
               .token = std::span<std::byte const>{token}.first(number % 6),
               .corners = {point{-3, 0.25}, point{static_cast<std::int8_t>(random()), 1e100}},
               .large = random(),
               .share = 0.5F};
    for (std::uint64_t i = 0; i != number % 4; ++i)
        out.numbers.push_back(static_cast<std::uint32_t>(random()));
    if (random() % 2 != 0)
        out.score = static_cast<std::int64_t>(random());
    if (random() % 2 != 0)
        out.at = point{7, static_cast<double>(random() % 1000)};
    return out;
}

// Some of everything; what may be refused (a full map) may be.
inline void write_at_random(every_kind& view, std::mt19937_64& random, int steps)
{
    for (int i = 0; i != steps; ++i) {
        auto const number = static_cast<std::int64_t>(random() % 1000);
        switch (random() % 14) {
        case 0:
            view.visits.add(number - 500);
            break;
        case 1:
            view.open.set(number);
            break;
        case 2:
            view.slowest.record(number - 500);
            view.fastest.record(number - 500);
            break;
        case 3:
            view.sizes.record(static_cast<std::uint64_t>(number * number));
            break;
        case 4:
            view.boss.put(random_person(random));
            break;
        case 5:
        case 6:
        case 7:
            view.people.put("k" + std::to_string(number), random_person(random));
            break;
        case 8:
            view.people.erase("k" + std::to_string(number));
            break;
        case 9:
            view.sessions.put(static_cast<std::uint32_t>(number), number,
                              number % 2 != 0 ? ttl{std::chrono::hours{1}} : forever);
            break;
        case 10:
            view.trail.append({static_cast<std::int8_t>(number), 0.5});
            break;
        case 11:
            view.jobs.push(random_person(random));
            break;
        case 12:
            if (auto const job = view.jobs.pop(); job && number % 3 == 0)
                view.jobs.acknowledge(*job);
            else if (job && number % 3 == 1)
                view.jobs.give_back(*job);
            break;
        default:
            view.logins.take();
            view.moods.put(number % 2 != 0 ? mood::calm : mood::busy, 1);
            view.chief.run();
        }
    }
}

} // namespace covey::test
