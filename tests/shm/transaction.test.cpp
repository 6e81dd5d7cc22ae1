// Transactions: what they do when nobody dies.
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"

#include <algorithm>
#include <chrono>
#include <covey/shm/transaction.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace transaction_test {

using namespace std::chrono_literals;
using covey::put_result;
using covey::transact;
using covey::transact_result;
using covey::transaction;

namespace {

struct bank : covey::state
{
    covey::map<covey::text<8>, std::int64_t> accounts{*this, "accounts", covey::capacity{64}};
    covey::map<std::uint32_t, std::uint32_t> orders{*this, "orders", covey::capacity{4}};
    covey::value<std::int64_t> moved{*this, "moved"};
    covey::map<std::uint32_t, std::uint32_t> visits{
        *this, "visits", covey::capacity{3}, {.expires = true, .full = covey::when_full::evict}};
};
using cluster = covey::test::test_segment<bank>;

bool move_money(transaction& tx, bank& view, char const* from, char const* to, std::int64_t sum)
{
    auto const a = tx.get(view.accounts, from);
    auto const b = tx.get(view.accounts, to);
    if (!a || !b || *a < sum)
        return false;
    tx.put(view.accounts, from, *a - sum);
    tx.put(view.accounts, to, *b + sum);
    tx.put(view.moved, tx.get(view.moved) + sum);
    return true;
}

} // namespace

TEST_CASE("rows of several tables change together, under one revision")
{
    cluster it{2};
    auto const me = it.join(0);
    auto const other = it.join(1);
    me->view.accounts.put("ann", 100);
    me->view.accounts.put("bob", 0);
    auto const done = transact(
        me->view, [&](transaction& tx) { return move_money(tx, me->view, "ann", "bob", 30); });
    CHECK(done == transact_result::committed);
    CHECK(done.revision == it.memory.revision());
    CHECK(other->view.accounts.find("ann")->row == 70);
    CHECK(other->view.accounts.find("bob")->row == 30);
    CHECK(other->view.moved.find().row == 30);
    CHECK(other->view.accounts.find("ann")->revision == done.revision);
    CHECK(other->view.accounts.find("bob")->revision == done.revision);
    CHECK(other->view.moved.find().revision == done.revision);

    auto const poor = transact(
        me->who, [&](transaction& tx) { return move_money(tx, me->view, "ann", "bob", 1'000); });
    CHECK(poor == transact_result::unchanged);
    CHECK(poor.revision == 0);
    CHECK(it.memory.revision() == done.revision);
}

TEST_CASE("a transaction inserts, updates and erases at once, and reads what it has written")
{
    cluster it{1};
    auto const me = it.join(0);
    auto& view = me->view;
    view.orders.put(1, 10);
    view.orders.put(2, 20);
    auto const done = transact(view, [&](transaction& tx) {
        tx.erase(view.orders, 1);
        CHECK_FALSE(tx.get(view.orders, 1));
        tx.put(view.orders, 2, 21);
        tx.put(view.orders, 2, 22);
        CHECK(tx.get(view.orders, 2) == 22U);
        tx.put(view.orders, 3, 30);
        tx.erase(view.orders, 9); // is not there
        tx.put(view.orders, 4, 40);
        tx.erase(view.orders, 4);
        tx.put(view.moved, 7);
    });
    CHECK(done.committed());
    CHECK_FALSE(view.orders.get(1));
    CHECK(view.orders.get(2) == 22U);
    CHECK(view.orders.get(3) == 30U);
    CHECK_FALSE(view.orders.get(4));
    CHECK(view.moved.get() == 7);
    CHECK(view.orders.size() == 2);
    CHECK(covey::test::fsck(it.memory, view.orders.index()) == "");

    auto const before = it.memory.revision();
    CHECK(transact(view, [&](transaction& tx) { tx.erase(view.orders, 9); }) ==
          transact_result::unchanged);
    CHECK(it.memory.revision() == before);
}

TEST_CASE("a transaction that throws or is refused changes nothing")
{
    cluster it{1};
    auto const me = it.join(0);
    auto& view = me->view;
    view.accounts.put("ann", 1);
    auto const before = it.memory.revision();
    CHECK_THROWS_AS(transact(view,
                             [&](transaction& tx) {
                                 tx.put(view.accounts, "ann", 2);
                                 throw std::runtime_error{"no"};
                             }),
                    std::runtime_error);
    CHECK(transact(view, [&](transaction& tx) {
              tx.put(view.accounts, "ann", 2);
              tx.put(view.accounts, "a name too long", 2);
          }) == transact_result::too_long);
    CHECK(transact(view, [&](transaction& tx) {
              for (std::uint32_t i = 0; i != 17; ++i)
                  tx.put(view.accounts, std::to_string(i), i);
          }) == transact_result::too_many);
    CHECK_THROWS_AS(transact(view, [&](transaction& tx) { tx.put(view.orders, 1, 1, 1s); }),
                    std::logic_error);
    it.memory.quarantine({view.moved.index(), 0}, true);
    CHECK(transact(view, [&](transaction& tx) {
              tx.put(view.accounts, "ann", 2);
              tx.put(view.moved, 2);
          }) == transact_result::quarantined);
    CHECK(view.accounts.get("ann") == 1);
    CHECK(it.memory.revision() == before);
    it.memory.end_quarantines();

    CHECK(transact(view, [&](transaction& tx) {
              for (std::uint32_t i = 0; i != 16; ++i)
                  tx.put(view.accounts, std::to_string(i), i);
          }).committed());
    CHECK(view.accounts.size() == 17);
}

TEST_CASE("a full map refuses the whole of a transaction, and one that makes room makes it")
{
    cluster it{1};
    auto const me = it.join(0);
    auto& view = me->view;
    for (std::uint32_t i = 0; i != 3; ++i)
        view.orders.put(i, i);
    CHECK(transact(view, [&](transaction& tx) {
              tx.put(view.moved, 1);
              tx.put(view.orders, 8, 8);
              tx.put(view.orders, 9, 9);
          }) == transact_result::full);
    CHECK(view.moved.get() == 0);
    CHECK(view.orders.size() == 3);
    CHECK(covey::test::fsck(it.memory, view.orders.index()) == "");
    CHECK(view.orders.put(8, 8).stored()); // its cell was given back

    for (std::uint32_t i = 0; i != 3; ++i)
        view.visits.put(i, i);
    auto const done = transact(view, [&](transaction& tx) {
        tx.put(view.visits, 8, 8, 1h);
        tx.put(view.visits, 9, 9);
        tx.put(view.moved, 1);
    });
    CHECK(done.committed());
    CHECK(done.evicted == 2);
    CHECK(view.visits.get(8) == 8U);
    CHECK(view.visits.get(9) == 9U);
    CHECK(view.visits.size() == 3);
    CHECK(covey::test::fsck(it.memory, view.visits.index()) == "");
}

TEST_CASE("a row's time in a transaction is that of a put")
{
    cluster it{1};
    auto const me = it.join(0);
    auto& view = me->view;
    CHECK(transact(view, [&](transaction& tx) {
              tx.put(view.visits, 1, 1, 1ns);
              tx.put(view.visits, 2, 2, 1h);
          }).committed());
    while (view.visits.get(1)) {
    }
    CHECK(view.visits.get(2) == 2U);
    auto const done = transact(view, [&](transaction& tx) {
        CHECK_FALSE(tx.get(view.visits, 1));
        tx.put(view.visits, 1, 11);
    });
    CHECK(done.committed());
    CHECK(view.visits.get(1) == 11U);
}

TEST_CASE("a transaction that others were faster than runs again, and gives up at last")
{
    cluster it{2};
    auto const me = it.join(0);
    auto const other = it.join(1);
    int runs = 0;
    auto const done = transact(me->view, [&](transaction& tx) {
        auto const now = tx.get(me->view.moved);
        if (++runs < 5)
            other->view.moved.put(runs * 10);
        tx.put(me->view.moved, now + 1);
    });
    CHECK(done.committed());
    CHECK(runs == 5);
    CHECK(me->view.moved.get() == 41);

    runs = 0;
    auto const never = transact(me->view, [&](transaction& tx) {
        auto const now = tx.get(me->view.moved);
        other->view.moved.put(++runs);
        tx.put(me->view.moved, now + 1);
    });
    CHECK(never == transact_result::conflict);
    CHECK(runs == 64);

    // Neither does what it returns or throws count while it reads what never was.
    runs = 0;
    me->view.accounts.put("a", 0);
    me->view.accounts.put("b", 0);
    auto const move_on = [&] {
        if (++runs < 4)
            transact(other->view, [&](transaction& tx) {
                tx.put(other->view.accounts, "a", runs);
                tx.put(other->view.accounts, "b", runs);
            });
    };
    auto const look = [&](transaction& tx) {
        auto const a = tx.get(me->view.accounts, "a");
        move_on();
        if (a != tx.get(me->view.accounts, "b"))
            throw std::runtime_error{"two moments"};
        return false;
    };
    CHECK(transact(me->view, look) == transact_result::unchanged);
    CHECK(runs == 4);
}

TEST_CASE("a look at several rows ends, however busy the writers are")
{
    cluster it{2};
    auto const me = it.join(0);
    auto const other = it.join(1);
    int runs = 0;
    std::pair<std::int64_t, std::int64_t> seen;
    auto const done = transact(me->view, [&](transaction& tx) {
        seen.first = tx.get(me->view.accounts, "a").value_or(0);
        ++runs;
        transact(other->view, [&](transaction& w) {
            w.put(other->view.accounts, "a", runs);
            w.put(other->view.moved, runs);
        });
        seen.second = tx.get(me->view.moved);
    });
    CHECK(done == transact_result::unchanged);
    CHECK(seen.first == seen.second);
    CHECK(runs > 16);
    CHECK(runs < 20);
}

TEST_CASE("a transaction's rows are told in order, each once, in one dispatch")
{
    cluster it{2};
    auto const me = it.join(0);
    auto const other = it.join(1);
    covey::subscription changes{other->who};
    std::vector<std::pair<std::string, std::uint64_t>> told;
    auto const hear = [&](std::string what, auto const& change) {
        told.emplace_back(std::move(what), change.revision);
    };
    changes.on_change(
        other->view.accounts,
        [&](auto const& change) {
            hear(std::string{change.key} + (change.after ? "" : " gone"), change);
        },
        covey::test::every_change);
    changes.on_change(
        other->view.moved, [&](auto const& change) { hear("moved", change); },
        covey::test::every_change);
    covey::subscription own{me->who};
    int posted = 0;
    own.on_change(
        me->view.moved, [](auto const&) {}, covey::test::every_change);
    own.on_own_change([&] { ++posted; });

    me->view.accounts.put("b", 1);
    changes.dispatch();
    told.clear();
    posted = 0;
    own.dispatch();
    auto const done = transact(me->view, [&](transaction& tx) {
        tx.put(me->view.moved, 1);
        tx.put(me->view.accounts, "z", 1);
        tx.erase(me->view.accounts, "b");
        tx.put(me->view.accounts, "a", 1);
    });
    REQUIRE(done.committed());
    CHECK(changes.dispatch() == 4);
    std::vector<std::pair<std::string, std::uint64_t>> const expected{{"moved", done.revision},
                                                                      {"z", done.revision},
                                                                      {"b gone", done.revision},
                                                                      {"a", done.revision}};
    CHECK(told == expected);
    CHECK(posted == 1);
}

namespace {

// One bucket or two: every chain has neighbours.
struct crowded : covey::state
{
    covey::map<std::uint32_t, std::uint64_t> rows{*this, "rows", covey::capacity{12}};
    covey::map<std::uint32_t, std::uint64_t> more{*this, "more", covey::capacity{1}};
    covey::value<std::uint64_t> one{*this, "one"};
};

// All keys in one bucket: the hash of a key is not ours to choose, but keys are.
std::vector<std::uint32_t> neighbours(covey::test::test_segment<crowded>& it, std::size_t count)
{
    std::vector<std::uint32_t> out;
    auto const me = it.join(0);
    auto const& memory = *it.memory.memory();
    auto const& field = memory.places().fields[me->view.rows.index()];
    for (std::uint32_t key = 0; out.size() != count; ++key) {
        me->view.rows.put(key, 0);
        if (memory.bucket(field, 0).load() != 0)
            out.push_back(key);
        me->view.rows.erase(key);
    }
    return out;
}

} // namespace

TEST_CASE("random transactions on one bucket's chain are what a plain map says")
{
    auto const seed = covey::test::seed();
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    covey::test::test_segment<crowded> it{2};
    auto const keys = neighbours(it, 9);
    auto const me = it.join(0);
    auto const other = it.join(1);
    auto& view = me->view;
    covey::subscription changes{other->who};
    std::map<std::uint32_t, std::uint64_t> mirror;
    changes.on_change(
        other->view.rows,
        [&](auto const& change) {
            if (change.after)
                mirror[change.key] = *change.after;
            else
                mirror.erase(change.key);
        },
        covey::test::every_change);
    std::map<std::uint32_t, std::uint64_t> expected;
    for (int round = 0; round != 3'000; ++round) {
        auto next = expected;
        // Sixteen at most, and never so many new ones that there are no cells for them.
        std::size_t fresh = 0;
        auto const done = transact(view, [&](transaction& tx) {
            for (auto const key : keys) {
                auto const now = tx.get(view.rows, key);
                REQUIRE(now.has_value() == expected.contains(key));
                auto const what = random() % 4;
                bool const room = expected.size() + fresh < 12;
                if (what == 0) {
                    tx.erase(view.rows, key);
                    next.erase(key);
                } else if (what == 1 && (now || room)) {
                    fresh += now ? 0 : 1;
                    next[key] = random();
                    tx.put(view.rows, key, next[key]);
                }
            }
            tx.put(view.one, static_cast<std::uint64_t>(round));
        });
        REQUIRE(done.committed());
        expected = next;
        std::map<std::uint32_t, std::uint64_t> seen;
        view.rows.for_each([&](auto key, auto row, auto) { seen[key] = row; });
        REQUIRE(seen == expected);
        REQUIRE(view.rows.size() == expected.size());
        REQUIRE(covey::test::fsck(it.memory, view.rows.index()) == "");
        changes.dispatch();
        REQUIRE(mirror == expected);
    }
}

} // namespace transaction_test
