// The writing of a row and its repair (shm/commit.hpp, table.cpp, recovery.cpp) as a small machine
// whose every run is looked at.
//
// Two rows, each in a shard of its own, and two cells for both. Up to three writers and a reader of
// the first row, each step one access to shared memory; stores wait in x86-TSO store buffers. A
// writer may die before any step, as a repairer too; what it has stored still arrives, and then its
// lock is inherited. The master ends what the dead have left. In every state what a reader would
// see at once is whole; what a real reader finds was there at some moment of its search; in the end
// each operation is announced exactly if it was committed, and each cell is linked or free.
//
// Each order of the protocol is turned round in turn, to show that it is needed and that the model
// sees it: a change of the order in which a row is written belongs here first.
#include "intent_explorer.hpp"

#include "support/catch.hpp"

#include <iostream>
#include <string>
#include <vector>

namespace intent_model_test {

using namespace covey::test::intent_model;

namespace {

// All that three writers do to each other and to a reader; small enough to be looked at wholly.
std::vector<scenario> scenarios()
{
    std::vector<scenario> out;
    for (bool const there : {true, false})
        for (auto const one : {update, erase})
            for (auto const two : {update, erase}) {
                // One after another in one shard: the second inherits, and may die repairing.
                out.push_back({there, {one, two, nothing}, {0, 0, 0}, 1, true});
                out.push_back({there, {one, two, one}, {0, 0, 0}, 2, false});
            }
    // At the same time in two shards, for the same cells.
    for (bool const there : {true, false})
        for (auto const one : {update, erase})
            out.push_back({there, {one, update, nothing}, {0, 1, 0}, 2, one == erase});
    return out;
}

// What is found wrong first, if anything.
std::string explore(protocol const& rules)
{
    explorer all{rules};
    for (auto const& where : scenarios())
        if (auto wrong = all.look(where); !wrong.empty())
            return wrong;
    return {};
}

} // namespace

TEST_CASE(
    "in no order of writers, readers, repairers and deaths is a row torn, a change lost or told "
    "twice, or a cell lost",
    "[model]")
{
    explorer all{as_built()};
    for (auto const& where : scenarios())
        CHECK(all.look(where) == "");
    INFO(all.states << " states");
    std::cout << "intents: " << all.states << " states, violations 0\n";
    CHECK(all.states > 100'000);
}

TEST_CASE("each order of a write that is turned round is found by the model", "[model]")
{
    struct turned
    {
        action what;
        action before;
        std::string found;
    };
    for (auto const& one : std::vector<turned>{
             {tail, commit, "announced, and not done or told before"},
             {tail, record, "announced, and not done or told before"},
             {disarm, commit, "done, and not announced"},
             {disarm, tail, "done, and not announced"},
             {disarm, let_go, "a cell is lost"},
             {number, disarm, "done, and not announced"},
             {arm, idle, "announced, and not done or told before"},
             {arm, word, "announced, and not done or told before"},
             {commit, left, "what can be seen is not whole"},
             {commit, turn, "what can be seen is not whole"},
             {claim, idle, "a cell is lost"},
             {let_go, commit, "a linked cell is free"},
         }) {
        auto const found = explore(with_moved(one.what, one.before));
        INFO(static_cast<int>(one.what)
             << " before " << static_cast<int>(one.before) << ": " << found);
        CHECK(found == one.found);
    }
}

TEST_CASE("each part of a repair and of a search that is left out is found by the model", "[model]")
{
    auto deaf = as_built();
    deaf.repair_looks_at_ring = false;
    CHECK(explore(deaf) == "announced, and not done or told before");
    auto hasty = as_built();
    hasty.repair_disarms_last = false;
    CHECK(explore(hasty) != "");
    auto keeping = as_built();
    keeping.repair_frees = false;
    CHECK(explore(keeping) == "a cell is lost");
    auto glancing = as_built();
    glancing.reader_looks_again = false;
    CHECK(explore(glancing) == "a reader finds half a row");
    auto heedless = as_built();
    heedless.reader_heeds_erasures = false;
    CHECK(explore(heedless) == "a reader finds what was never there");
}

} // namespace intent_model_test
