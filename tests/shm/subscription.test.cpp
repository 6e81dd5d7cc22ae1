#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <array>
#include <covey/shm/counter.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/value.hpp>
#include <map>
#include <poll.h>
#include <random>
#include <string>

namespace subscription_test {

namespace {

struct big_row
{
    std::array<std::uint64_t, 64> words{}; // too large for a ring record
};
BOOST_DESCRIBE_STRUCT(big_row, (), (words))

struct scoreboard : covey::state
{
    covey::counter hits{*this, "hits"};
    covey::value<std::int64_t> round{*this, "round", 1};
    covey::map<covey::text<8>, std::int64_t> scores{*this, "scores", covey::capacity{100}};
    covey::map<std::uint32_t, big_row> large{*this, "large", covey::capacity{100}};
};

using cluster = covey::test::test_segment<scoreboard>;
using scores_change = decltype(scoreboard::scores)::change;
using covey::change_kind;

// What a worker does when its doorbell becomes readable.
void settle(covey::subscription& changes)
{
    changes.answer();
    do
        changes.dispatch();
    while (!changes.arm());
}

bool readable(covey::subscription const& changes)
{
    pollfd waits{.fd = changes.doorbell(), .events = POLLIN, .revents = 0};
    return ::poll(&waits, 1, 0) == 1;
}

struct listener
{
    listener(cluster const& where, std::uint32_t block)
        : me{where.join(block)}
        , changes{me->who}
    {
        changes.on_change(
            me->view.scores, [this](scores_change const& one) { told.push_back(one); },
            covey::test::every_change);
        settle(changes);
    }
    std::unique_ptr<covey::test::member<scoreboard>> me;
    covey::subscription changes;
    std::vector<scores_change> told;
};

} // namespace

TEST_CASE("a change is told in every worker with key, revision, kind and row")
{
    cluster both{2};
    listener writer{both, 0};
    listener reader{both, 1};
    auto const put = writer.me->view.scores.put("a", 7);
    auto const gone = writer.me->view.scores.erase("a");
    for (auto* one : {&writer, &reader}) {
        settle(one->changes);
        REQUIRE(one->told.size() == 2);
        CHECK(one->told[0].key == "a");
        CHECK(one->told[0].after == 7);
        CHECK(one->told[0].revision == put.revision);
        CHECK(one->told[0].kind == change_kind::put);
        CHECK(one->told[1].revision == gone.revision);
        CHECK(one->told[1].kind == change_kind::erase);
        CHECK_FALSE(one->told[1].after);
    }
}

TEST_CASE("every change of a small row is told, in the order of revisions across writers")
{
    cluster three{3};
    auto const a = three.join(0);
    auto const b = three.join(1);
    listener reader{three, 2};
    for (int i = 0; i != 500; ++i)
        (i % 2 ? a : b)->view.scores.put("k" + std::to_string(i % 5), i);
    settle(reader.changes);
    REQUIRE(reader.told.size() == 500);
    for (int i = 0; i != 500; ++i) {
        CHECK(reader.told[static_cast<std::size_t>(i)].after == i);
        if (i > 0)
            CHECK(reader.told[static_cast<std::size_t>(i)].revision >
                  reader.told[static_cast<std::size_t>(i - 1)].revision);
    }
}

TEST_CASE("quick changes of a large row fold into the newest")
{
    cluster both{2};
    auto const writer = both.join(0);
    auto const reader = both.join(1);
    covey::subscription changes{reader->who};
    std::vector<std::uint64_t> told;
    changes.on_change(
        reader->view.large, [&](auto const& one) { told.push_back(one.after->words[63]); },
        covey::test::every_change);
    for (std::uint64_t i = 1; i <= 10; ++i) {
        big_row row;
        row.words[63] = i;
        writer->view.large.put(1, row);
    }
    settle(changes);
    CHECK(told == std::vector<std::uint64_t>{10});
}

TEST_CASE("a sleeping subscriber is rung once however many changes there are, an awake one never")
{
    cluster both{2};
    auto const writer = both.join(0);
    listener reader{both, 1};
    CHECK_FALSE(readable(reader.changes));
    for (int i = 0; i != 100; ++i)
        writer->view.scores.put("a", i);
    std::uint64_t rung = 0;
    REQUIRE(::read(reader.changes.doorbell(), &rung, sizeof rung) == sizeof rung);
    CHECK(rung == 1);
    reader.changes.dispatch(); // awake now
    writer->view.scores.put("a", 100);
    CHECK_FALSE(readable(reader.changes));
    CHECK_FALSE(reader.changes.arm()); // there is news
    settle(reader.changes);
    CHECK(reader.told.size() == 101);
}

TEST_CASE("a worker that does not subscribe to a field is not rung for it")
{
    cluster both{2};
    auto const writer = both.join(0);
    listener reader{both, 1};
    writer->view.round.put(2);
    CHECK_FALSE(readable(reader.changes));
    settle(reader.changes);
    CHECK(reader.told.empty());
}

TEST_CASE("a lapped subscriber gets one resync and then the current rows")
{
    cluster both{2};
    auto const writer = both.join(0);
    listener reader{both, 1};
    writer->view.scores.put("ghost", 1);
    settle(reader.changes);
    reader.told.clear();
    writer->view.scores.erase("ghost");
    for (int i = 0; i != 10'000; ++i)
        writer->view.scores.put("k" + std::to_string(i % 10), i);
    settle(reader.changes);
    REQUIRE(reader.told.size() == 11);
    CHECK(reader.told[0].kind == change_kind::resync);
    CHECK(reader.changes.resyncs() == 1);
    std::map<std::string, std::int64_t> mirror;
    for (std::size_t i = 1; i != reader.told.size(); ++i)
        mirror[std::string{reader.told[i].key}] = *reader.told[i].after;
    for (int i = 0; i != 10; ++i)
        CHECK(mirror["k" + std::to_string(i)] == 9'990 + i);
    CHECK(mirror.size() == 10); // the ghost is gone

    writer->view.scores.put("k0", -1); // and it goes on from there
    settle(reader.changes);
    REQUIRE(reader.told.size() == 12);
    CHECK(reader.told.back().after == -1);
}

TEST_CASE("a worker that starts late sees the state, then every change after it")
{
    cluster both{2};
    auto const writer = both.join(0);
    for (int i = 0; i != 50; ++i)
        writer->view.scores.put("k" + std::to_string(i), i);
    listener late{both, 1}; // its subscription starts here
    writer->view.scores.put("k0", 100);
    CHECK(late.me->view.scores.size() == 50);
    CHECK(late.me->view.scores.get("k49") == 49);
    settle(late.changes);
    REQUIRE(late.told.size() == 1);
    CHECK(late.told[0].after == 100);
}

TEST_CASE("a counter's handler is called with the total once a dispatch, and only if it differs")
{
    cluster both{2};
    auto const writer = both.join(0);
    auto const reader = both.join(1);
    covey::subscription changes{reader->who};
    std::vector<std::int64_t> totals;
    changes.on_change(
        reader->view.hits, [&](auto const& one) { totals.push_back(one.total); },
        covey::test::every_change);
    settle(changes);
    for (int i = 0; i != 1000; ++i)
        writer->view.hits.add();
    CHECK(readable(changes));
    settle(changes);
    settle(changes);
    CHECK(totals == std::vector<std::int64_t>{1000});
    CHECK(both.memory.revision() == 0); // it announces nothing
}

TEST_CASE("a handler may write, and subscribe to more; it is told in a later dispatch")
{
    cluster one{1};
    auto const me = one.join(0);
    covey::subscription changes{me->who};
    int posts = 0;
    changes.on_own_change([&] { ++posts; });
    std::vector<std::int64_t> scores;
    std::vector<std::int64_t> rounds;
    changes.on_change(
        me->view.scores,
        [&](auto const& change) {
            scores.push_back(*change.after);
            if (*change.after == 1) {
                me->view.scores.put("a", 2);
                me->view.round.put(5);
                changes.on_change(
                    me->view.round, [&](auto const& next) { rounds.push_back(*next.after); },
                    covey::test::every_change);
                me->view.round.put(6);
            }
        },
        covey::test::every_change);
    me->view.scores.put("a", 1);
    me->view.scores.put("b", 9);
    CHECK(posts == 1); // one dispatch is enough for both
    changes.dispatch();
    CHECK(scores == std::vector<std::int64_t>{1, 9});
    CHECK(rounds.empty());
    CHECK(posts == 2);
    changes.dispatch();
    CHECK(scores == std::vector<std::int64_t>{1, 9, 2});
    CHECK(rounds == std::vector<std::int64_t>{5, 6});
}

TEST_CASE("a mirror kept by callbacks equals the table, laps included")
{
    auto const seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random{seed};
    cluster three{3};
    auto const a = three.join(0);
    auto const b = three.join(1);
    auto const reader = three.join(2);
    covey::subscription changes{reader->who};
    std::map<std::string, std::int64_t> mirror;
    std::map<std::string, std::uint64_t> revisions;
    changes.on_change(
        reader->view.scores,
        [&](scores_change const& one) {
            if (one.kind == change_kind::resync)
                return one.resync.complete ? mirror.clear() : void();
            std::string const key{one.key};
            REQUIRE(one.revision >= revisions[key]);
            revisions[key] = one.revision;
            if (one.after)
                mirror[key] = *one.after;
            else
                mirror.erase(key);
        },
        covey::test::every_change);
    for (int round = 0; round != 60; ++round) {
        auto const steps = round % 10 == 9 ? 9'000 : random() % 300;
        for (unsigned step = 0; step != steps; ++step) {
            auto& scores = (random() % 2 ? a : b)->view.scores;
            auto const key = "k" + std::to_string(random() % 120);
            if (random() % 4 == 0)
                scores.erase(key);
            else
                scores.put(key, static_cast<std::int64_t>(random()));
        }
        settle(changes);
        std::map<std::string, std::int64_t> table;
        reader->view.scores.for_each(
            [&](auto const& key, std::int64_t row, auto) { table[std::string{key}] = row; });
        REQUIRE(mirror == table);
    }
    CHECK(changes.resyncs() > 0);
}

} // namespace subscription_test
