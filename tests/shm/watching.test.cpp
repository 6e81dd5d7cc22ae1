// What of a field a handler hears, from when, and how it ends.
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"

#include <array>
#include <covey/shm/counter.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/queue.hpp>
#include <covey/shm/ring.hpp>
#include <covey/shm/transaction.hpp>
#include <covey/shm/value.hpp>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using covey::change_kind;
using covey::delivery;
using covey::start;

struct office : covey::state
{
    covey::map<covey::text<16>, std::int64_t> desks{*this, "desks", covey::capacity{200}};
    covey::map<std::uint32_t, std::int64_t> rooms{*this, "rooms", covey::capacity{64}};
    covey::value<std::int64_t> motto{*this, "motto", 7};
    covey::counter doors{*this, "doors"};
    covey::ring<std::int64_t> visitors{*this, "visitors", covey::capacity{8}};
    covey::queue<std::int64_t> letters{*this, "letters", covey::capacity{8}};
};

using cluster = covey::test::test_segment<office>;
using desk_change = decltype(office::desks)::change;
using lines = std::vector<std::string>;

void settle(covey::subscription& changes)
{
    changes.answer();
    do
        changes.dispatch();
    while (!changes.arm());
}

std::string word(change_kind kind)
{
    switch (kind) {
    case change_kind::put:
        return "put";
    case change_kind::erase:
        return "erase";
    case change_kind::leave:
        return "leave";
    case change_kind::resync:
        return "resync";
    case change_kind::expire:
    case change_kind::evict:
        break;
    }
    return "other";
}

// "put ann 3", "resync start all", "resync lapped newer".
template <class Change>
std::string line(Change const& one)
{
    auto out = word(one.kind);
    if (one.kind == change_kind::resync)
        return out + (one.resync.reason == covey::resync_reason::start ? " start" : " lapped") +
               (one.resync.complete ? " all" : " newer");
    if constexpr (requires { std::string{one.key}; })
        out += " " + std::string{one.key};
    else if constexpr (requires { one.key; })
        out += " " + std::to_string(one.key);
    return one.after ? out + " " + std::to_string(*one.after) : out;
}

// A writer in block 0, and a subscription in block 1 that notes what it is told of one field.
struct desk_watch
{
    explicit desk_watch(decltype(office::desks)::watching what = {})
    {
        watch(std::move(what));
        settle(changes);
    }
    covey::watch watch(decltype(office::desks)::watching what)
    {
        return changes.on_change(
            reader->view.desks,
            [this](desk_change const& one) {
                told.push_back(line(one));
                seen.push_back(one);
            },
            std::move(what));
    }
    lines hear()
    {
        settle(changes);
        return std::exchange(told, {});
    }
    auto& desks() { return writer->view.desks; }

    cluster where{2};
    std::unique_ptr<covey::test::member<office>> writer = where.join(0);
    std::unique_ptr<covey::test::member<office>> reader = where.join(1);
    covey::subscription changes{reader->who};
    lines told;
    std::vector<desk_change> seen;
};

void overflow_ring(cluster& where, covey::test::member<office>& by)
{
    for (int i = 0; i != 5'000; ++i) // a ring has 4096
        by.view.motto.put(i);
    static_cast<void>(where);
}

} // namespace

TEST_CASE("a watch of one key hears of that key, and of no other")
{
    desk_watch it{{.key = "ann"}};
    it.desks().put("ann", 1);
    it.desks().put("anna", 2);
    it.desks().put("bob", 3);
    it.desks().erase("bob");
    CHECK(it.hear() == lines{"put ann 1"});
    it.desks().erase("ann");
    CHECK(it.hear() == lines{"erase ann"});
}

TEST_CASE("a watch of a prefix hears of keys that begin so, and of no other")
{
    desk_watch it{{.prefix = "team:"}};
    it.desks().put("team:a", 1);
    it.desks().put("tea", 2);
    it.desks().put("team:", 3);
    it.desks().put("a team:", 4);
    CHECK(it.hear() == lines{"put team:a 1", "put team: 3"});
}

TEST_CASE(
    "a watch with a predicate hears of rows that it holds for, and once when one is so no more")
{
    cluster where{2};
    auto const writer = where.join(0);
    writer->view.desks.put("old", 50); // matches before the watch begins
    auto const reader = where.join(1);
    covey::subscription changes{reader->who};
    lines told;
    changes.on_change(reader->view.desks,
                      [&](desk_change const& one) { told.push_back(line(one)); },
                      {.where = [](auto const&, std::int64_t row) { return row >= 10; }});
    auto const hear = [&] {
        settle(changes);
        return std::exchange(told, {});
    };
    writer->view.desks.put("ann", 9);
    writer->view.desks.put("bob", 10);
    CHECK(hear() == lines{"put bob 10"});
    writer->view.desks.put("bob", 11);
    writer->view.desks.put("ann", 12);
    CHECK(hear() == lines{"put bob 11", "put ann 12"});
    writer->view.desks.put("bob", 1);
    CHECK(hear() == lines{"leave bob"});
    writer->view.desks.put("bob", 2);
    writer->view.desks.erase("bob"); // it had left already
    writer->view.desks.erase("ann");
    writer->view.desks.put("old", 1);
    CHECK(hear() == lines{"erase ann", "leave old"});
}

TEST_CASE("one's own changes are skipped, and told when asked for")
{
    desk_watch it;
    lines all;
    it.changes.on_change(it.reader->view.desks,
                         [&](desk_change const& one) { all.push_back(line(one)); },
                         {.own_changes = true});
    it.reader->view.desks.put("mine", 1);
    it.desks().put("theirs", 2);
    CHECK(it.hear() == lines{"put theirs 2"});
    CHECK(all == lines{"put mine 1", "put theirs 2"});
}

TEST_CASE(
    "the last state of each row that has changed is told, with how many changes it stands for")
{
    desk_watch it;
    for (int i = 0; i != 10; ++i)
        it.desks().put("ann", i);
    it.desks().put("bob", 1);
    it.desks().put("cid", 1);
    it.desks().erase("cid");
    CHECK(it.hear() == lines{"put ann 9", "put bob 1", "erase cid"});
    REQUIRE(it.seen.size() == 3);
    CHECK(it.seen[0].folded == 9);
    CHECK(it.seen[1].folded == 0);
    CHECK(it.seen[2].folded == 1);
}

TEST_CASE("each change is told, in the order of revisions, when asked for")
{
    for (auto const how : {delivery::every, delivery::ordered}) {
        desk_watch it{{.deliver = how}};
        lines expected;
        for (int i = 0; i != 100; ++i) {
            it.desks().put(i % 3 == 0 ? "ann" : "bob", i);
            expected.push_back((i % 3 == 0 ? "put ann " : "put bob ") + std::to_string(i));
        }
        CHECK(it.hear() == expected);
        for (auto const& one : it.seen)
            CHECK(one.folded == 0);
    }
}

TEST_CASE("what one writes over oneself is not told as somebody else's older row")
{
    desk_watch it;
    it.desks().put("ann", 1);            // not dispatched yet ...
    it.reader->view.desks.put("ann", 2); // ... when the mirror's owner writes
    CHECK(it.hear().empty());            // telling of 1 now would turn the mirror back
    it.desks().put("ann", 3);
    CHECK(it.hear() == lines{"put ann 3"});
}

TEST_CASE("a watch from everything is told one resync and all there is, then what happens")
{
    cluster where{2};
    auto const writer = where.join(0);
    for (int i = 0; i != 3; ++i)
        writer->view.desks.put("k" + std::to_string(i), i);
    writer->view.desks.erase("k1");
    auto const reader = where.join(1);
    covey::subscription changes{reader->who};
    lines told;
    std::vector<desk_change> seen;
    changes.on_change(reader->view.desks,
                      [&](desk_change const& one) {
                          told.push_back(line(one));
                          seen.push_back(one);
                      },
                      {.from = start::everything()});
    writer->view.desks.put("k0", 10); // before it is told for the first time: once, not twice
    settle(changes);
    std::sort(told.begin() + 1, told.end());
    CHECK(told == lines{"resync start all", "put k0 10", "put k2 2"});
    CHECK(seen[0].resync.from == 0);
    CHECK(seen[0].resync.to == where.memory.revision());
    told.clear();
    writer->view.desks.put("k3", 3);
    settle(changes);
    CHECK(told == lines{"put k3 3"});
}

TEST_CASE("every kind can be watched from everything")
{
    cluster where{2};
    auto const writer = where.join(0);
    writer->view.motto.put(8);
    writer->view.doors.add(5);
    for (int i = 0; i != 20; ++i)
        writer->view.visitors.append(i);
    writer->view.letters.push(1);
    auto const reader = where.join(1);
    covey::subscription changes{reader->who};
    lines motto;
    std::vector<std::int64_t> doors;
    lines visitors;
    std::vector<change_kind> letters;
    auto& view = reader->view;
    auto const all = start::everything();
    changes.on_change(view.motto, [&](auto const& one) { motto.push_back(line(one)); },
                      {.from = all});
    changes.on_change(view.doors, [&](auto const& one) { doors.push_back(one.total); },
                      {.from = all});
    changes.on_change(view.visitors, [&](auto const& one) { visitors.push_back(line(one)); },
                      {.from = all});
    changes.on_change(view.letters, [&](auto const& one) { letters.push_back(one.kind); },
                      {.from = all});
    settle(changes);
    settle(changes);
    CHECK(motto == lines{"resync start all", "put 8"});
    CHECK(doors == std::vector<std::int64_t>{5});
    CHECK(visitors == lines{"resync start all", "put 12", "put 13", "put 14", "put 15", "put 16",
                            "put 17", "put 18", "put 19"});
    CHECK(letters == std::vector{change_kind::resync}); // pop until it is empty
}

TEST_CASE("a watch from a revision is told what is newer, and all when something was removed since")
{
    cluster where{2};
    auto const writer = where.join(0);
    for (int i = 0; i != 5; ++i)
        writer->view.desks.put("k" + std::to_string(i), i);
    auto const known = writer->view.desks.put("k2", 20).revision;
    writer->view.desks.put("k0", 100);
    writer->view.desks.put("new", 5);
    auto const reader = where.join(1);
    auto const told_after = [&](std::uint64_t revision) {
        covey::subscription changes{reader->who};
        lines told;
        changes.on_change(reader->view.desks,
                          [&](desk_change const& one) { told.push_back(line(one)); },
                          {.from = start::after(revision)});
        settle(changes);
        std::sort(told.begin() + 1, told.end());
        return told;
    };
    CHECK(told_after(known) == lines{"resync start newer", "put k0 100", "put new 5"});
    CHECK(told_after(where.memory.revision()) == lines{"resync start newer"});
    writer->view.desks.erase("k4");
    CHECK(told_after(known) == lines{"resync start all", "put k0 100", "put k1 1", "put k2 20",
                                     "put k3 3", "put new 5"});
    CHECK(told_after(where.memory.revision()) == lines{"resync start newer"});
}

TEST_CASE("a lapped watch is told from, to and why, and only what is newer if nothing was removed")
{
    desk_watch it;
    it.desks().put("old", 1);
    CHECK(it.hear() == lines{"put old 1"});
    auto const known = it.where.memory.revision();
    it.desks().put("new", 2);
    overflow_ring(it.where, *it.writer);
    CHECK(it.hear() == lines{"resync lapped newer", "put new 2"});
    CHECK(it.seen[1].resync.from == known);
    CHECK(it.seen[1].resync.to == it.where.memory.revision());
    CHECK(it.changes.resyncs() == 1);

    it.desks().erase("old");
    overflow_ring(it.where, *it.writer);
    CHECK(it.hear() == lines{"resync lapped all", "put new 2"});
}

TEST_CASE("a filter holds behind a resync, too")
{
    desk_watch it{{.prefix = "a", .where = [](auto const&, std::int64_t row) { return row > 0; }}};
    it.desks().put("a1", 1);
    it.desks().put("a2", 2);
    CHECK(it.hear() == lines{"put a1 1", "put a2 2"});
    it.desks().put("a1", -1);
    it.desks().put("a3", 3);
    it.desks().put("b1", 4);
    overflow_ring(it.where, *it.writer);
    auto told = it.hear();
    std::sort(told.begin() + 1, told.end());
    CHECK(told == lines{"resync lapped newer", "leave a1", "put a3 3"});
}

TEST_CASE("a watch may be ended inside its handler, by its scope, or with the subscription")
{
    desk_watch it;
    lines once;
    covey::watch ended;
    ended = it.changes.on_change(it.reader->view.desks, [&](desk_change const& one) {
        once.push_back(line(one));
        ended.end();
    });
    lines scoped;
    {
        covey::scoped_watch const here = it.changes.on_change(
            it.reader->view.desks, [&](desk_change const& one) { scoped.push_back(line(one)); });
        it.desks().put("ann", 1);
        it.desks().put("bob", 2);
        CHECK(it.hear() == lines{"put ann 1", "put bob 2"});
    }
    CHECK(once == lines{"put ann 1"});
    it.desks().put("cid", 3);
    CHECK(it.hear() == lines{"put cid 3"});
    CHECK(once.size() == 1);
    CHECK(scoped == lines{"put ann 1", "put bob 2"});
    ended.end(); // again: nothing
}

TEST_CASE("a field whose last watch has ended is not rung for")
{
    cluster where{2};
    auto const writer = where.join(0);
    auto const reader = where.join(1);
    covey::subscription changes{reader->who};
    auto watch = changes.on_change(reader->view.desks, [](auto const&) {});
    settle(changes);
    watch.end();
    writer->view.desks.put("ann", 1);
    std::uint64_t rung = 0;
    CHECK(::read(changes.doorbell(), &rung, sizeof rung) == -1);
    int told = 0;
    changes.on_change(reader->view.desks, [&](auto const&) { ++told; });
    settle(changes);
    told = 0;
    writer->view.desks.put("bob", 1);
    CHECK(::read(changes.doorbell(), &rung, sizeof rung) == sizeof rung);
    settle(changes);
    CHECK(told == 1);
}

TEST_CASE("a handler may destroy the subscription that is telling it")
{
    cluster where{2};
    auto const writer = where.join(0);
    auto const reader = where.join(1);
    auto changes = std::make_unique<covey::subscription>(reader->who);
    int told = 0;
    covey::watch kept;
    for (int i = 0; i != 3; ++i)
        kept = changes->on_change(reader->view.desks,
                                  [&](auto const&) {
                                      ++told;
                                      changes.reset();
                                  },
                                  {.deliver = delivery::every});
    writer->view.desks.put("ann", 1);
    writer->view.desks.put("bob", 1);
    changes->dispatch();
    CHECK(told == 1);
    CHECK_FALSE(changes);
    kept.end(); // its subscription is gone: nothing
}

TEST_CASE("what a handler throws leaves the dispatch, and the next one goes on behind that change")
{
    cluster where{2};
    auto const writer = where.join(0);
    auto const reader = where.join(1);
    covey::subscription changes{reader->who};
    lines told;
    changes.on_change(reader->view.desks, [&](desk_change const& one) {
        if (one.key == "bad")
            throw std::runtime_error{"no"};
        told.push_back(line(one));
    });
    writer->view.desks.put("a", 1);
    writer->view.desks.put("bad", 2);
    writer->view.desks.put("c", 3);
    CHECK_THROWS_AS(changes.dispatch(), std::runtime_error);
    CHECK_FALSE(changes.arm()); // there is more
    changes.dispatch();
    CHECK(told == lines{"put a 1", "put c 3"});
}

TEST_CASE(
    "a transaction's rows of several fields arrive as one batch, and single writes by themselves")
{
    cluster where{2};
    auto const writer = where.join(0);
    auto const reader = where.join(1);
    covey::subscription changes{reader->who};
    auto& view = reader->view;
    std::vector<lines> batches;
    std::vector<std::uint64_t> revisions;
    auto watch = changes.on_batch(
        [&](auto const& batch) {
            lines one;
            for (auto const& change : batch.of(view.desks))
                one.push_back(line(change));
            for (auto const& change : batch.of(view.rooms))
                one.push_back("room " + line(change));
            batches.push_back(one);
            revisions.push_back(batch.revision());
        },
        {}, view.desks, view.rooms);
    writer->view.desks.put("ann", 1);
    auto const moved = covey::transact(writer->view, [&](covey::transaction& tx) {
        tx.put(writer->view.desks, "ann", 2);
        tx.put(writer->view.desks, "bob", 3);
        tx.put(writer->view.rooms, 5U, 1);
        return true;
    });
    writer->view.motto.put(1);
    writer->view.rooms.put(6, 6);
    settle(changes);
    CHECK(batches == std::vector<lines>{{"put ann 1"},
                                        {"put ann 2", "put bob 3", "room put 5 1"},
                                        {"room put 6 6"}});
    REQUIRE(revisions.size() == 3);
    CHECK(revisions[1] == moved.revision);
    watch.end();
    writer->view.desks.put("ann", 9);
    settle(changes);
    CHECK(batches.size() == 3);
}

TEST_CASE("mirrors of every kind of watch equal the table at every quiet point")
{
    auto const seed = covey::test::seed();
    std::mt19937_64 random{seed};
    cluster where{3};
    auto const a = where.join(0);
    auto const b = where.join(1);
    auto const reader = where.join(2);
    covey::subscription changes{reader->who};
    using rows = std::map<std::string, std::int64_t>;
    struct mirror
    {
        rows kept;
        bool owns = false; // applies its own writes as it makes them
        std::function<bool(std::string const&, std::int64_t)> holds;
    };
    std::vector<std::unique_ptr<mirror>> mirrors;
    auto const follow = [&](decltype(office::desks)::watching what, auto holds) {
        auto& one = *mirrors.emplace_back(std::make_unique<mirror>());
        one.owns = !what.own_changes;
        one.holds = holds;
        changes.on_change(
            reader->view.desks,
            [&one](desk_change const& told) {
                if (told.kind == change_kind::resync) {
                    if (told.resync.complete)
                        one.kept.clear();
                } else if (told.after) {
                    one.kept[std::string{told.key}] = *told.after;
                } else {
                    one.kept.erase(std::string{told.key});
                }
            },
            std::move(what));
    };
    auto const any = [](auto const&, auto) { return true; };
    auto const even = [](auto const&, std::int64_t row) { return row % 2 == 0; };
    auto const prefixed = [](std::string const& key, auto) { return key.starts_with("k1"); };
    follow({}, any);
    follow({.own_changes = true}, any);
    follow({.deliver = delivery::every, .own_changes = true}, any);
    follow({.deliver = delivery::ordered, .own_changes = true}, any);
    follow({.own_changes = true, .from = start::everything()}, any);
    follow({.prefix = "k1", .own_changes = true}, prefixed);
    follow({.where = even, .own_changes = true}, even);

    auto const write = [&](covey::test::member<office>& by, bool is_reader) {
        auto const key = "k" + std::to_string(random() % 150);
        bool const erases = random() % 4 == 0;
        auto const row = static_cast<std::int64_t>(random() % 1000);
        if (erases)
            by.view.desks.erase(key);
        else
            by.view.desks.put(key, row);
        for (auto& one : mirrors)
            if (is_reader && one->owns) {
                if (erases)
                    one->kept.erase(key);
                else
                    one->kept[key] = row;
            }
    };
    for (int round = 0; round != 60; ++round) {
        auto const steps = round % 10 == 9 ? 15'000 : random() % 300;
        for (unsigned step = 0; step != steps; ++step) {
            auto const who = random() % 5;
            write(who == 4 ? *reader : who % 2 == 0 ? *a : *b, who == 4);
            if (steps < 300 && step % 64 == 63 && random() % 2 == 0)
                changes.dispatch();
        }
        settle(changes);
        rows table;
        reader->view.desks.for_each(
            [&](auto const& key, std::int64_t row, auto) { table[std::string{key}] = row; });
        for (auto const& one : mirrors) {
            rows expected;
            for (auto const& [key, row] : table)
                if (one->holds(key, row))
                    expected[key] = row;
            INFO("seed " << seed << ", round " << round << ", mirror " << &one - mirrors.data());
            REQUIRE(one->kept == expected);
        }
    }
    CHECK(changes.resyncs() > 0);
}
