// What of a field a handler hears, and how a watch ends.
#include "office_scene.hpp"

namespace watching_test {

using namespace covey::test::office_scene;

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

} // namespace watching_test
