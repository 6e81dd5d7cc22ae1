#include "transaction.hpp"

#include "assert.hpp"
#include "batch.hpp"

#include <sched.h>

namespace covey {

namespace {

constexpr int rounds_max = 64;
constexpr int rounds_without_locks = 16; // then what the function reads is read under the locks

transact_result result_of(shm::batch::verdict how)
{
    using verdict = shm::batch::verdict;
    switch (how) {
    case verdict::committed:
        return transact_result::committed;
    case verdict::unchanged:
        return transact_result::unchanged;
    case verdict::full:
        return transact_result::full;
    case verdict::busy:
        return transact_result::busy;
    case verdict::quarantined:
        return transact_result::quarantined;
    case verdict::conflict:
        break;
    }
    return transact_result::conflict;
}

} // namespace

std::string_view name(transact_result result)
{
    switch (result) {
    case transact_result::committed:
        return "committed";
    case transact_result::unchanged:
        return "unchanged";
    case transact_result::conflict:
        return "conflict";
    case transact_result::full:
        return "full";
    case transact_result::too_long:
        return "too_long";
    case transact_result::too_many:
        return "too_many";
    case transact_result::busy:
        return "busy";
    case transact_result::quarantined:
        return "quarantined";
    }
    return "unknown";
}

std::uint64_t const* transaction::read(shm::table const& rows, std::uint64_t const* key)
{
    return rows_.read(rows, key);
}

void transaction::write(shm::table const& rows, std::uint64_t const* key, std::uint64_t const* row,
                        ttl lives)
{
    rows_.write(rows, key, row, shm::table::expiry_of(lives));
}

transacted transaction::attempt(shm::batch& rows, body function)
{
    transaction tx{rows};
    bool wanted = false;
    try {
        wanted = function(tx);
    } catch (...) {
        if (rows.reads_hold())
            throw;
        return {transact_result::conflict}; // it may have thrown at what never was
    }
    if (wanted && rows.too_many())
        return {transact_result::too_many};
    if (wanted && tx.too_long_)
        return {transact_result::too_long};
    if (!wanted || !rows.writes())
        return {rows.reads_hold() ? transact_result::unchanged : transact_result::conflict};
    auto const done = rows.commit();
    return {result_of(done.how), done.revision, done.evicted};
}

transacted transaction::run(participant& who, body function)
{
    shm::batch rows{who.internals()};
    transacted done;
    std::uint32_t evicted = 0;
    for (int round = 0; round != rounds_max; ++round) {
        done = attempt(rows, function);
        done.evicted = evicted += done.evicted;
        if (done != transact_result::conflict)
            break;
        ::sched_yield(); // whoever was faster, or holds a lock now, may be waiting for this core
        if (round < rounds_without_locks)
            rows.start_over();
        else if (!rows.start_over_with_snapshot())
            return {transact_result::busy, 0, evicted};
    }
    return done;
}

transacted transaction::run(state& on, body function)
{
    COVEY_ASSERT(on.who_ != nullptr); // the state is not bound to a participant yet
    return run(*on.who_, function);
}

} // namespace covey
