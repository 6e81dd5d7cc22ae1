// Transactions killed at every instruction: none of the rows has changed and nothing is told, or
// all have and all are told, once, in one dispatch. And whoever finishes a dead one's killed in
// turn, wherever that leaves other memory behind.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "support/campaign.hpp"
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/stepped_child.hpp"
#include "support/test_segment.hpp"

#include <covey/shm/arena.hpp>
#include <covey/shm/transaction.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <poll.h>
#include <set>
#include <string>
#include <tuple>
#include <vector>
#include <xxhash.h>

namespace transaction_crash_test {

using covey::transact;
using covey::transaction;

namespace {

constexpr std::uint64_t room = 8;
constexpr std::uint64_t fixed_secret = 42; // the same keys in the same buckets in every run

struct tiny : covey::state
{
    covey::map<std::uint32_t, std::uint64_t> rows{*this, "rows", covey::capacity{room}};
    covey::map<std::uint32_t, std::uint64_t> more{*this, "more", covey::capacity{room}};
    covey::value<std::uint64_t> best{*this, "best"};
};

using contents = std::tuple<std::map<std::uint32_t, std::uint64_t>,
                            std::map<std::uint32_t, std::uint64_t>, std::uint64_t>;
using cluster = covey::test::test_segment<tiny>;
using member = covey::test::member<tiny>;

contents contents_of(tiny const& view)
{
    contents out;
    view.rows.for_each([&](auto key, auto row, auto) { std::get<0>(out)[key] = row; });
    view.more.for_each([&](auto key, auto row, auto) { std::get<1>(out)[key] = row; });
    std::get<2>(out) = view.best.get();
    return out;
}

// Six keys of `rows` in one bucket. The first four are there: their chain is 3, 2, 1, 0.
std::vector<std::uint32_t> const& keys()
{
    static auto const found = [] {
        std::vector<std::uint32_t> out;
        cluster it{1};
        it.memory.memory()->head().secret = fixed_secret;
        auto const me = it.join(0);
        auto const& memory = *it.memory.memory();
        for (std::uint32_t key = 0; out.size() != 6; ++key) {
            me->view.rows.put(key, 0);
            if (memory.bucket(memory.places().fields[0], 3).load() != 0)
                out.push_back(key);
            me->view.rows.erase(key);
        }
        return out;
    }();
    return found;
}

void seed(cluster const& world)
{
    world.memory.memory()->head().secret = fixed_secret;
    auto const first = world.join(0);
    for (std::size_t i = 0; i != 4; ++i)
        first->view.rows.put(keys()[i], i);
    first->view.more.put(1, 1);
}

struct operation
{
    std::string name;
    std::function<void(transaction&, tiny&)> run;
    std::size_t told;
};

std::vector<operation> const operations{
    {"update and update, two tables",
     [](transaction& tx, tiny& view) {
         tx.put(view.rows, keys()[1], 9);
         tx.put(view.best, 9);
     },
     2},
    {"insert and erase, neighbours in a chain",
     [](transaction& tx, tiny& view) {
         tx.put(view.rows, keys()[4], 9);
         tx.erase(view.rows, keys()[3]);
     },
     2},
    {"insert two, erase three side by side, update",
     [](transaction& tx, tiny& view) {
         tx.erase(view.rows, keys()[1]);
         tx.put(view.rows, keys()[4], 8);
         tx.erase(view.rows, keys()[3]);
         tx.put(view.rows, keys()[5], 9);
         tx.erase(view.rows, keys()[2]);
         tx.put(view.rows, keys()[0], 9);
     },
     6},
    {"read, compute, move to another table",
     [](transaction& tx, tiny& view) {
         auto const now = tx.get(view.rows, keys()[2]).value_or(99);
         tx.erase(view.rows, keys()[2]);
         tx.put(view.more, 2, now + 1);
     },
     2},
    {"no room for the last row",
     [](transaction& tx, tiny& view) {
         tx.put(view.best, 9);
         for (std::uint32_t i = 0; i != 5; ++i)
             tx.put(view.rows, 1'000 + i, i);
     },
     0},
};

void run(operation const& op, tiny& view)
{
    transact(view, [&](transaction& tx) { op.run(tx, view); });
}

struct expectation
{
    contents before;
    contents after;
};

expectation expect(operation const& op)
{
    cluster world{3};
    seed(world);
    auto const me = world.join(0);
    expectation out;
    out.before = contents_of(me->view);
    run(op, me->view);
    out.after = contents_of(me->view);
    return out;
}

struct tally
{
    std::uint64_t kills = 0;
    std::uint64_t repairs = 0;
    std::uint64_t committed = 0;
    std::uint64_t undone = 0;
    std::uint64_t violations = 0;
};

// Block 0 stands before a transaction, led by the test; block 2 sleeps, and is told what happens.
struct scene
{
    explicit scene(operation const& what)
        : op{what}
    {
        seed(world);
        survivor = world.join(2);
        changes = std::make_unique<covey::subscription>(survivor->who);
        auto const hear = [this](auto const& change) {
            ++told[change.revision];
            ++dispatched[change.revision][dispatches];
        };
        changes->on_change(survivor->view.rows, hear, covey::test::every_change);
        changes->on_change(survivor->view.more, hear, covey::test::every_change);
        changes->on_change(survivor->view.best, hear, covey::test::every_change);
        listen();
        start = world.memory.revision();
        author = std::make_unique<covey::test::stepped_child>([&] { victim = world.join(0); },
                                                              [&] { run(op, victim->view); });
    }
    void listen()
    {
        do {
            ++dispatches;
            changes->dispatch();
        } while (!changes->arm());
    }
    // A second process, in block 1, which meets what the first has left.
    void start_repairer()
    {
        repairer = std::make_unique<covey::test::stepped_child>(
            [&] { second = world.join(1); }, [&] { second->view.rows.erase(77'777); });
    }
    void bury(std::uint32_t block, covey::test::stepped_child& dead)
    {
        dead.kill();
        world.memory.open_block(block, {.pid = dead.pid(), .id = block + 1, .generation = 1});
    }
    std::uint64_t image() const
    {
        auto const& memory = *world.memory.memory();
        auto const& places = memory.places();
        auto const hash = [&](std::uint64_t from, std::uint64_t to, std::uint64_t seed) {
            return XXH3_64bits_withSeed(&memory.at<char>(from), to - from, seed);
        };
        // All but what of the rings nobody comes to write.
        auto const begins = hash(0, places.rings + 64 * places.record_bytes, 0);
        return hash(places.fields.front().subscribers, world.memory.bytes(), begins);
    }
    bool decided() const // that it is committed
    {
        auto const state = world.memory.memory()->transaction(0).stamp.load() & 7;
        return state == 2 || state == 3 ||
               (state == 0 && world.memory.memory()->block(0).ring_tail.load() > 5);
    }

    operation const& op;
    cluster world{3};
    std::unique_ptr<member> survivor;
    std::unique_ptr<covey::subscription> changes;
    std::map<std::uint64_t, std::size_t> told; // revision: how often
    std::map<std::uint64_t, std::map<int, std::size_t>> dispatched;
    int dispatches = 0;
    std::uint64_t start = 0;
    std::unique_ptr<member> victim;
    std::unique_ptr<covey::test::stepped_child> author;
    std::unique_ptr<member> second;
    std::unique_ptr<covey::test::stepped_child> repairer;
};

// What the survivors find when the author, and perhaps a repairer, have died.
class verdict
{
  public:
    verdict(scene& it, expectation const& expected, tally& count, std::string where)
        : it_{it}
        , expected_{expected}
        , count_{count}
        , where_{std::move(where)}
    {}

    // `look`: a survivor looks first; `write`: one writes first; else the master is the first.
    void of(bool decided, bool look, bool write, bool reap_repairer)
    {
        auto& view = it_.survivor->view;
        bool const any = expected_.before != expected_.after;
        // Each row by itself is as before or as after, without anybody waiting.
        for (auto const key : keys()) {
            auto const now = view.rows.get(key);
            check(now == row_in(expected_.before, key) || now == row_in(expected_.after, key),
                  "a reader sees something else");
        }
        if (look) {
            auto const& wanted = decided && any ? expected_.after : expected_.before;
            contents seen = wanted;
            transact(view, [&](transaction& tx) {
                for (auto const key : keys()) {
                    std::get<0>(seen).erase(key);
                    if (auto const row = tx.get(view.rows, key))
                        std::get<0>(seen)[key] = *row;
                }
                for (std::uint32_t key = 1; key != 3; ++key) {
                    std::get<1>(seen).erase(key);
                    if (auto const row = tx.get(view.more, key))
                        std::get<1>(seen)[key] = *row;
                }
                std::get<2>(seen) = tx.get(view.best);
            });
            check(seen == wanted, "a look at several rows sees a part");
        }
        std::uint64_t own = 0;
        if (write) {
            own = view.more.put(1, 1).revision;
            check(own != 0, "the next writer cannot write");
        }
        auto const repairs = it_.world.memory.repairs().size();
        if (reap_repairer)
            check(it_.world.memory.reap_block(1, it_.world.bells), "the repairer is not reaped");
        check(it_.world.memory.reap_block(0, it_.world.bells), "the master cannot reap");
        count_.repairs += it_.world.memory.repairs().size() - repairs;
        (decided ? count_.committed : count_.undone) += 1;
        check(contents_of(view) == (decided && any ? expected_.after : expected_.before),
              "half done, or undone");
        for (auto const* map : {&view.rows, &view.more})
            check(covey::test::fsck(it_.world.memory, map->index()).empty(), "damaged");

        pollfd waits{.fd = it_.changes->doorbell(), .events = POLLIN, .revents = 0};
        check(::poll(&waits, 1, 0) == 1, "nobody rang");
        it_.listen();
        it_.told.erase(own);
        for (auto const& [revision, parts] : it_.dispatched)
            check(revision <= it_.start || parts.size() == 1, "told in parts");
        std::size_t all = 0;
        for (auto const& [revision, times] : it_.told)
            all += revision > it_.start ? times : 0;
        check(all == (decided && any ? it_.op.told : 0), "not told exactly once");

        // No cell is lost, and the block can be used again.
        it_.world.memory.open_block(0, {.pid = ::getpid(), .id = 3, .generation = 1});
        auto const again = it_.world.join(0);
        auto left = room - again->view.rows.size();
        for (std::uint32_t i = 0; left != 0; --left, ++i)
            check(again->view.rows.put(2'000 + i, 0).stored(), "a cell is lost");
        check(again->view.rows.put(5'000, 0) == covey::put_result::full, "a cell too many");
        check(transact(again->view,
                       [&](transaction& tx) {
                           tx.put(again->view.more, 1, 5);
                           tx.put(again->view.best, 5);
                       })
                  .committed(),
              "the next transaction is refused");
    }

  private:
    static std::optional<std::uint64_t> row_in(contents const& all, std::uint32_t key)
    {
        auto const at = std::get<0>(all).find(key);
        return at == std::get<0>(all).end() ? std::nullopt : std::optional{at->second};
    }
    void check(bool holds, char const* claim)
    {
        if (!holds) {
            ++count_.violations;
            UNSCOPED_INFO(it_.op.name << " killed at " << where_ << ": " << claim);
        }
        CHECK(holds);
    }

    scene& it_;
    expectation const& expected_;
    tally& count_;
    std::string where_;
};

void tell(std::string const& name, tally const& count)
{
    std::cout << name << ": kills " << count.kills << ", repairs " << count.repairs
              << ", committed " << count.committed << ", undone " << count.undone << ", violations "
              << count.violations << "\n";
}

} // namespace

TEST_CASE(
    "a worker killed at any instruction of a transaction leaves all of it or nothing, told as "
    "a whole",
    "[crash]")
{
    auto const stride = covey::test::times<std::size_t>(4, 1);
    for (auto const& op : operations) {
        auto const expected = expect(op);
        tally count;
        auto const way = scene{op}.author->record();
        // The last one, behind the return, is always among them.
        for (auto number = (way.size() - 1) % stride; number < way.size(); number += stride) {
            scene it{op};
            it.author->go(way, number);
            it.bury(0, *it.author);
            ++count.kills;
            bool const decided = it.decided();
            if (number == way.size() - 1)
                CHECK(decided == (op.told != 0));
            verdict{it, expected, count, std::to_string(number)}.of(
                decided, number / stride % 3 == 0, number / stride % 3 == 1, false);
        }
        tell(op.name, count);
        CHECK(count.repairs > 0);
        CHECK((count.committed > 0 || op.told == 0));
        CHECK(count.undone > 0);
        CHECK(count.violations == 0);
    }
}

namespace {

// The steps after which the segment's memory is another than before: to die at any other leaves the
// same behind.
std::vector<std::size_t> changing_steps(scene& it, covey::test::stepped_child& child)
{
    std::vector<std::size_t> out{0};
    auto last = it.image();
    for (std::size_t number = 1; child.step(); ++number) {
        auto const now = it.image();
        if (now != last)
            out.push_back(number);
        last = now;
    }
    return out;
}

void step_to(covey::test::stepped_child& child, std::size_t number)
{
    while (number-- != 0 && child.step()) {
    }
}

} // namespace

TEST_CASE("whoever finishes a dead one's transaction may be killed or stopped wherever it is",
          "[crash]")
{
    auto const stride = covey::test::times<std::size_t>(7, 1);
    for (auto const& op : {operations[0], operations[2]}) {
        auto const expected = expect(op);
        tally count;
        std::size_t turn = 0;
        scene first{op};
        auto const way = scene{op}.author->record();
        for (auto const death : changing_steps(first, *first.author)) {
            if (turn++ % covey::test::times<std::size_t>(4, 1) != 0)
                continue;
            scene probe{op};
            probe.author->go(way, death);
            probe.bury(0, *probe.author);
            probe.start_repairer();
            auto const ends = changing_steps(probe, *probe.repairer);
            for (auto i = turn % stride; i < ends.size(); i += stride) {
                scene it{op};
                it.author->go(way, death);
                it.bury(0, *it.author);
                bool const decided = it.decided();
                it.start_repairer();
                step_to(*it.repairer, ends[i]);
                if (i % 2 == 0) { // stopped: the master does what it can, and then it goes on
                    it.world.memory.reap_block(0, it.world.bells);
                    while (it.repairer->step()) {
                    }
                }
                it.bury(1, *it.repairer);
                count.kills += 2;
                verdict{it, expected, count,
                        std::to_string(death) + ", its repairer at " + std::to_string(ends[i])}
                    .of(decided, i % 3 == 0, i % 3 == 1, i % 5 != 0);
            }
        }
        tell("repairers of " + op.name, count);
        CHECK(count.committed > 0);
        CHECK(count.undone > 0);
        CHECK(count.violations == 0);
    }
}

} // namespace transaction_crash_test
