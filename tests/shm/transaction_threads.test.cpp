// Transactions of many at once: as threads over one mapping, where ThreadSanitizer sees them, and
// as processes.
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/test_segment.hpp"

#include <array>
#include <atomic>
#include <covey/shm/transaction.hpp>
#include <cstdint>
#include <map>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace transaction_threads_test {

using covey::transact;
using covey::transaction;

namespace {

#ifdef __SANITIZE_THREAD__
constexpr int rounds = 1'000;
#else
constexpr int rounds = 10'000;
#endif
constexpr std::uint32_t workers = 4;
constexpr std::uint32_t accounts = 8; // on either side: a look takes in all of them
constexpr std::int64_t deposit = 20;

struct bank : covey::state
{
    covey::map<std::uint32_t, std::int64_t> left{*this, "left", covey::capacity{16}};
    covey::map<std::uint32_t, std::int64_t> right{*this, "right", covey::capacity{256}};
    covey::value<std::int64_t> fees{*this, "fees"};
};
using cluster = covey::test::test_segment<bank>;

void open_accounts(cluster const& it)
{
    auto const first = it.join(0);
    for (std::uint32_t i = 0; i != accounts; ++i) {
        first->view.left.put(i, deposit);
        first->view.right.put(i, deposit);
    }
}

// From left to right or the other way round; now and then an account is closed, or opened again.
bool move_one(bank& view, std::uint32_t number, bool to_right)
{
    auto& from = to_right ? view.left : view.right;
    auto& to = to_right ? view.right : view.left;
    auto const done = transact(view, [&](transaction& tx) {
        auto const have = tx.get(from, number).value_or(0);
        auto const there = tx.get(to, (number + 1) % accounts).value_or(0);
        if (have == 0)
            return false;
        if (have == 1)
            tx.erase(from, number);
        else
            tx.put(from, number, have - 1);
        tx.put(to, (number + 1) % accounts, there + 1);
        return true;
    });
    return done.committed() || done == covey::transact_result::unchanged;
}

std::int64_t total(bank const& view)
{
    auto sum = view.fees.get();
    view.left.for_each([&](auto, auto row, auto) { sum += row; });
    view.right.for_each([&](auto, auto row, auto) { sum += row; });
    return sum;
}

} // namespace

TEST_CASE("transfers in opposite orders end, and nobody ever sees a part of one", "[threads]")
{
    cluster it{workers};
    open_accounts(it);
    std::atomic<int> writing = workers - 1;
    std::atomic<int> failed = 0;
    std::atomic<int> seen_partly = 0;
    std::vector<std::thread> threads;
    for (std::uint32_t block = 1; block != workers; ++block)
        threads.emplace_back([&, block] {
            auto const me = it.join(block);
            for (int i = 0; i != rounds; ++i) {
                auto const number = static_cast<std::uint32_t>(i) % accounts;
                failed += !move_one(me->view, number, (i + static_cast<int>(block)) % 2 == 0);
                if (i % 16 == 0) // a single write between them is one of its own
                    me->view.fees.put(0);
            }
            --writing;
        });
    auto const me = it.join(0);
    covey::subscription changes{me->who};
    std::map<std::uint32_t, std::int64_t> left;
    std::map<std::uint32_t, std::int64_t> right;
    auto const follow = [](auto& mirror) {
        return [&mirror](auto const& change) {
            if (change.kind == covey::change_kind::resync)
                return change.resync.complete ? mirror.clear() : void();
            if (change.after)
                mirror[change.key] = *change.after;
            else
                mirror.erase(change.key);
        };
    };
    changes.on_change(me->view.left, follow(left), covey::test::every_change);
    changes.on_change(me->view.right, follow(right), covey::test::every_change);
    int looks = 0;
    while (writing != 0) {
        std::int64_t sum = 0;
        auto const done = transact(me->view, [&](transaction& tx) {
            sum = 0;
            for (std::uint32_t i = 0; i != accounts; ++i)
                sum += tx.get(me->view.left, i).value_or(0) + tx.get(me->view.right, i).value_or(0);
        });
        failed += done != covey::transact_result::unchanged;
        seen_partly += sum != 2 * accounts * deposit;
        ++looks;
        changes.dispatch();
    }
    for (auto& thread : threads)
        thread.join();
    CHECK(failed == 0);
    CHECK(seen_partly == 0);
    CHECK(looks > 0);
    CHECK(total(me->view) == 2 * accounts * deposit);
    CHECK(covey::test::fsck(it.memory, me->view.left.index()) == "");
    CHECK(covey::test::fsck(it.memory, me->view.right.index()) == "");
    while (changes.dispatch() != 0) {
    }
    std::map<std::uint32_t, std::int64_t> now;
    me->view.left.for_each([&](auto key, auto row, auto) { now[key] = row; });
    CHECK(left == now);
    now.clear();
    me->view.right.for_each([&](auto key, auto row, auto) { now[key] = row; });
    CHECK(right == now);
}

namespace {

// What is swapped between two rows of two tables, or moved: always one of each.
void swap_rows(bank& view, int round)
{
    transact(view, [&](transaction& tx) {
        auto const a = tx.get(view.left, 100);
        auto const b = tx.get(view.right, 100);
        if (round % 2 == 0) {
            tx.put(view.fees, round);
            tx.put(view.left, 100, b.value_or(-1));
            tx.put(view.right, 100, a.value_or(-1));
        } else {
            tx.put(view.right, 100, a.value_or(-1));
            tx.put(view.left, 100, b.value_or(-1));
            tx.put(view.fees, round);
        }
    });
}

// How often two rows were not one of each, in so many looks.
template <class Going>
int partly_seen(bank& view, Going going)
{
    int out = 0;
    while (going()) {
        std::int64_t a = 0;
        std::int64_t b = 0;
        auto const done = transact(view, [&](transaction& tx) {
            a = tx.get(view.left, 100).value_or(-1);
            b = tx.get(view.right, 100).value_or(-1);
        });
        out += done != covey::transact_result::unchanged || a + b != 1 || a == b;
    }
    return out;
}

} // namespace

TEST_CASE("a look at two rows that are always swapped finds one of each", "[threads]")
{
    cluster it{workers};
    it.join(0)->view.left.put(100, 0);
    it.join(0)->view.right.put(100, 1);
    std::atomic<int> writing = 2;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (std::uint32_t block = 0; block != workers; ++block)
        threads.emplace_back([&, block] {
            auto const me = it.join(block);
            if (block >= 2)
                wrong += partly_seen(me->view, [&] { return writing != 0; });
            else {
                for (int i = 0; i != rounds; ++i)
                    swap_rows(me->view, i);
                --writing;
            }
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("processes that swap two rows in opposite orders end, and a third finds one of each")
{
    cluster it{4};
    auto const me = it.join(0);
    me->view.left.put(100, 0);
    me->view.right.put(100, 1);
    std::array<pid_t, 2> children{};
    for (std::uint32_t i = 0; i != children.size(); ++i) {
        children[i] = ::fork();
        if (children[i] == 0) {
            auto const where = it.attach();
            covey::test::member<bank> mine{where, i + 1, it.bells};
            for (int round = 0; round != rounds; ++round)
                swap_rows(mine.view, round + static_cast<int>(i));
            ::_exit(0);
        }
    }
    std::size_t ended = 0;
    int bad = 0;
    auto const wrong = partly_seen(me->view, [&] {
        int status = 0;
        if (::waitpid(children[ended], &status, WNOHANG) == children[ended]) {
            bad += status != 0;
            ++ended;
        }
        return ended != children.size();
    });
    CHECK(wrong == 0);
    CHECK(bad == 0);
}

} // namespace transaction_threads_test
