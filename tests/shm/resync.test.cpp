// From when a handler hears, and how it is repaired from the state.
#include "office_scene.hpp"

#include "support/seed.hpp"

namespace resync_test {

using namespace covey::test::office_scene;

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
    overflow_ring(*it.writer);
    CHECK(it.hear() == lines{"resync lapped newer", "put new 2"});
    CHECK(it.seen[1].resync.from == known);
    CHECK(it.seen[1].resync.to == it.where.memory.revision());
    CHECK(it.changes.resyncs() == 1);

    it.desks().erase("old");
    overflow_ring(*it.writer);
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
    overflow_ring(*it.writer);
    auto told = it.hear();
    std::sort(told.begin() + 1, told.end());
    CHECK(told == lines{"resync lapped newer", "leave a1", "put a3 3"});
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

} // namespace resync_test
