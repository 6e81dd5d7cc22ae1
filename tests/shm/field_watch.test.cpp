// A field's changes as a tool sees them that may only read: what subscriptions tell, in their
// order.
#include "support/catch.hpp"
#include "support/every_kind.hpp"
#include "support/test_segment.hpp"

#include <covey/shm/field_watch.hpp>
#include <covey/shm/inspect.hpp>
#include <covey/shm/layout.hpp>
#include <string>
#include <vector>

namespace field_watch_test {

using covey::change_kind;
using covey::field_watch;
using covey::inspect;
using covey::observed_change;
using covey::test::every_kind;

namespace {

using cluster = covey::test::test_segment<every_kind>;

struct plain : covey::state
{
    covey::map<covey::text<16>, std::int64_t> scores{*this, "scores", covey::capacity{8}};
    covey::map<std::uint64_t, std::array<std::uint64_t, 64>> wide{*this, "wide",
                                                                  covey::capacity{8}};
    covey::value<std::int64_t> visits{*this, "visits"};
    covey::ring<std::int64_t> last{*this, "last", covey::capacity{4}};
    covey::queue<std::int64_t> work{*this, "work", covey::capacity{4}};
    covey::counter hits{*this, "hits"};
    covey::histogram sizes{*this, "sizes", {.highest = 1'000}};
    covey::lock one{*this, "one"};
};

// "put anna 17", with what there is.
std::vector<std::string> look(field_watch& at)
{
    std::vector<std::string> out;
    at.look([&](observed_change const& it) {
        std::string line = it.kind == change_kind::put      ? "put"
                           : it.kind == change_kind::erase  ? "erase"
                           : it.kind == change_kind::evict  ? "evict"
                           : it.kind == change_kind::resync ? "resync"
                                                            : "expire";
        if (!it.entry.key.is_null())
            line += " " + covey::row_type::to_text(it.entry.key);
        if (!it.entry.row.is_null())
            line += " " + to_json(it.entry.row);
        out.push_back(std::move(line));
    });
    return out;
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("a watch that may only read tells a map's changes of all workers in their order",
          "[field_watch]")
{
    covey::test::test_segment<plain> const all{2};
    auto const one = all.join(0);
    auto const other = all.join(1);
    one->view.scores.put("before", 1);
    auto const seen = inspect::open(all.memory.lend_read_only());
    field_watch scores{seen, one->view.scores.index()};
    CHECK(look(scores).empty());
    one->view.scores.put("anna", 1);
    other->view.scores.put("ben", 2);
    one->view.visits.put(7); // another field
    other->view.scores.put("anna", 3);
    one->view.scores.erase("ben");
    CHECK(look(scores) == lines{"put anna 1", "put ben 2", "put anna 3", "erase ben"});
    CHECK(look(scores).empty());
}

TEST_CASE("a watch reads rows that are too wide for a record from their cells", "[field_watch]")
{
    covey::test::test_segment<plain> const all{1};
    auto const one = all.join(0);
    auto const seen = inspect::open(all.memory.lend_read_only());
    field_watch wide{seen, one->view.wide.index()};
    one->view.wide.put(1, {1});
    one->view.wide.put(1, {2}); // the first is gone by the time somebody looks
    one->view.wide.put(2, {3});
    one->view.wide.erase(2);
    auto const told = look(wide);
    REQUIRE(told.size() == 2);
    CHECK(told[0].starts_with("put 1 [2,0,"));
    CHECK(told[1] == "erase 2");
}

TEST_CASE("a watch tells of values, rings, queues and words", "[field_watch]")
{
    covey::test::test_segment<plain> const all{2};
    auto const one = all.join(0);
    auto const other = all.join(1);
    auto& state = one->view;
    auto const seen = inspect::open(all.memory.lend_read_only());
    field_watch visits{seen, state.visits.index()};
    field_watch last{seen, state.last.index()};
    field_watch work{seen, state.work.index()};
    field_watch hits{seen, state.hits.index()};
    field_watch sizes{seen, state.sizes.index()};
    field_watch lock{seen, state.one.index()};

    state.visits.put(3);
    CHECK(look(visits) == lines{"put 3"});
    state.last.append(1);
    other->view.last.append(2);
    CHECK(look(last) == lines{"put 1", "put 2"});
    state.hits.add(2);
    other->view.hits.add(3);
    CHECK(look(hits) == lines{"put 5"});
    CHECK(look(hits).empty());
    state.sizes.record(10);
    auto const told = look(sizes);
    REQUIRE(told.size() == 1);
    CHECK(told[0].starts_with("put {\"count\":1,\"sum\":10,"));
    {
        auto const hold = state.one.try_hold();
        CHECK(look(lock).size() == 1);
    }
    CHECK(look(lock) == lines{"put {\"epoch\":1}"});

    state.work.push(5);
    auto const pushed = look(work);
    REQUIRE(pushed.size() == 1);
    CHECK(pushed[0].starts_with("put "));
    CHECK(pushed[0].ends_with(" 5"));
}

TEST_CASE("a watch that looks too seldom is told that it has missed changes", "[field_watch]")
{
    covey::test::test_segment<plain> const all{1};
    auto const one = all.join(0);
    auto const seen = inspect::open(all.memory.lend_read_only());
    field_watch scores{seen, one->view.scores.index()};
    field_watch last{seen, one->view.last.index()};
    for (std::size_t i = 0; i <= covey::shm::ring_records; ++i)
        one->view.scores.put("anna", static_cast<std::int64_t>(i));
    CHECK(look(scores) == lines{"resync"});
    one->view.scores.put("anna", -1);
    CHECK(look(scores) == lines{"put anna -1"});
    for (int i = 0; i < 10; ++i)
        one->view.last.append(i);
    CHECK(look(last) == lines{"resync", "put 6", "put 7", "put 8", "put 9"});
}

TEST_CASE("a watch writes nothing that others could see", "[field_watch]")
{
    cluster const all{2};
    auto const one = all.join(0);
    auto const seen = inspect::open(all.memory.lend_read_only());
    for (std::uint32_t field = 0; field != seen.described().fields.size(); ++field) {
        field_watch it{seen, field}; // the kernel would end this process at its first store
        CHECK(look(it).empty());
    }
    CHECK(seen.lags().empty());
}

} // namespace field_watch_test
