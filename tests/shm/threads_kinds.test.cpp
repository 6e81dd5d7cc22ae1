// Every kind at once, by eight workers as threads over one mapping, where ThreadSanitizer sees
// them: four that write everything, one that reads everything, one that is told everything, one
// that sweeps and works off the queue, and a tool that looks on from outside.
#include "support/catch.hpp"
#include "support/every_kind.hpp"
#include "support/fsck_chunks.hpp"
#include "support/patterned.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"

#include <array>
#include <atomic>
#include <covey/shm/blob_map.hpp>
#include <covey/shm/blob_value.hpp>
#include <covey/shm/fsck.hpp>
#include <covey/shm/inspect.hpp>
#include <covey/shm/sweeper.hpp>
#include <covey/shm/transaction.hpp>
#include <map>
#include <poll.h>
#include <random>
#include <thread>
#include <vector>

namespace threads_kinds_test {

using covey::transact;
using covey::transaction;
using covey::test::number_in;
using covey::test::patterned;
using covey::test::person;
using namespace std::chrono_literals;

namespace {

#ifdef __SANITIZE_THREAD__
constexpr int rounds = 800;
#else
constexpr int rounds = 4'000;
#endif
constexpr std::uint32_t writers = 4;
constexpr std::uint32_t workers = 8;
constexpr std::uint32_t accounts = 4;
constexpr std::int64_t deposit = 100;

struct all_kinds : covey::test::every_kind
{
    covey::map<std::uint32_t, covey::string<2'000>> pages{
        *this,
        "pages",
        covey::capacity{64},
        covey::room{200 * 256},
        {.expires = true, .full = covey::when_full::evict}};
    covey::value<covey::blob<700>> photo{*this, "photo"};
    covey::map<std::uint32_t, std::int64_t> accounts{*this, "accounts", covey::capacity{8}};
};

using cluster = covey::test::test_segment<all_kinds>;
using member = covey::test::member<all_kinds>;

// Rows that tell by themselves whether they are whole.
person somebody(std::uint64_t number)
{
    return {.name = std::to_string(number), .large = number, .share = 0.5F};
}
bool is_whole(person const& one)
{
    return one.large == 0 || one.name == std::to_string(one.large);
}
bool is_whole(covey::test::point const& one)
{
    return one.y == one.x;
}
bool is_whole(std::vector<std::byte> const& value)
{
    return value.empty() ||
           number_in({reinterpret_cast<char const*>(value.data()), value.size()}).has_value();
}
std::span<std::byte const> bytes_of(std::string const& from)
{
    return std::as_bytes(std::span{from});
}

// What the writers have done, all told, and what must not have been seen.
struct books
{
    std::atomic<std::int64_t> visits{0};
    std::atomic<std::int64_t> open{0}; // the last share of each
    std::atomic<std::uint64_t> sizes{0};
    std::atomic<std::uint64_t> pushed{0};
    std::atomic<std::uint64_t> done{0};
    std::atomic<int> granted{0};
    std::atomic<int> wrong{0};
    std::atomic<std::uint32_t> writing{writers};
    std::uint64_t nights = 0; // no atomics: the lock and the leadership order them
    std::uint64_t terms = 0;
    std::atomic<std::uint64_t> holds{0};
    std::atomic<std::uint64_t> leads{0};
};

void count_and_hold(all_kinds& view, books& log, std::uint64_t number)
{
    view.visits.add(3);
    log.visits += 3;
    view.slowest.record(static_cast<std::int64_t>(number));
    view.fastest.record(-static_cast<std::int64_t>(number));
    view.sizes.record(number);
    ++log.sizes;
    log.granted += view.logins.take().granted;
    if (auto const held = view.nightly.try_hold()) {
        ++log.nights;
        ++log.holds;
    }
    if (view.chief.run()) {
        ++log.terms;
        ++log.leads;
        view.chief.resign();
    }
}

void write_rows(all_kinds& view, books& log, std::mt19937_64& random)
{
    auto const number = 1 + random() % 1'000;
    auto const name = "k" + std::to_string(number % 40);
    auto const key = static_cast<std::uint32_t>(random() % 80);
    auto const soon = std::chrono::milliseconds{random() % 20};
    view.boss.put(somebody(number));
    if (number % 4 == 0)
        view.people.erase(name);
    else
        view.people.put(name, somebody(number));
    view.sessions.put(key, 7, number % 3 == 0 ? covey::forever : covey::ttl{soon});
    view.sessions.touch(key, soon);
    view.moods.put(number % 2 != 0 ? covey::test::mood::calm : covey::test::mood::busy, 1, soon);
    auto const x = static_cast<std::int8_t>(number);
    view.trail.append({.x = x, .y = static_cast<double>(x)});
    auto const text = patterned(number, 8 + random() % 690);
    view.pages.put(key, text, soon);
    view.pages.touch(key + 1, soon);
    view.photo.put(bytes_of(text));
    if (view.jobs.push(somebody(number)).stored())
        ++log.pushed;
    if (auto const job = view.jobs.pop(); job && number % 2 == 0)
        view.jobs.give_back(*job);
    else if (job)
        log.done += view.jobs.acknowledge(*job) == covey::erase_result::erased;
    if (number % 50 == 0)
        view.pages.erase(key);
}

// From one account to another; the boss's row changes with them.
void transfer(all_kinds& view, books& log, std::mt19937_64& random)
{
    auto const from = static_cast<std::uint32_t>(random() % accounts);
    auto const to = static_cast<std::uint32_t>((from + 1 + random() % (accounts - 1)) % accounts);
    auto const result = transact(view, [&](transaction& tx) {
        auto const have = tx.get(view.accounts, from);
        auto const there = tx.get(view.accounts, to);
        if (!have || !there)
            return false;
        tx.put(view.accounts, from, *have - 1);
        tx.put(view.accounts, to, *there + 1);
        tx.put(view.boss, somebody(from + 1));
        return true;
    });
    log.wrong += !result.committed() && result != covey::transact_result::conflict;
}

void write_everything(member& me, std::uint32_t block, books& log, std::uint64_t seed)
{
    std::mt19937_64 random{seed + block};
    for (int i = 0; i != rounds; ++i) {
        me.view.open.set(i);
        count_and_hold(me.view, log, random() % 1'000);
        write_rows(me.view, log, random);
        transfer(me.view, log, random);
    }
    log.open += rounds - 1;
    --log.writing;
}

void read_everything(member& me, books& log)
{
    auto& view = me.view;
    while (log.writing != 0) {
        log.wrong += view.visits.get() < 0 || view.open.get() < 0;
        log.wrong += view.slowest.get() && *view.slowest.get() > 1'000;
        log.wrong += view.fastest.get() && *view.fastest.get() < -1'000;
        log.wrong += view.sizes.get().count() > std::uint64_t{writers} * rounds;
        log.wrong += !is_whole(view.boss.get()) || !is_whole(view.photo.get());
        view.people.for_each([&](auto const& key, person const& one, auto) {
            log.wrong += !is_whole(one) || key.view() != "k" + std::to_string(one.large % 40);
        });
        for (int i = 0; i != 40; ++i)
            if (auto const one = view.people.get("k" + std::to_string(i)))
                log.wrong += !is_whole(*one) || one->large % 40 != static_cast<std::uint64_t>(i);
        view.sessions.for_each([&](auto, std::int64_t row, auto) { log.wrong += row != 7; });
        std::uint64_t last = 0;
        view.trail.for_each([&](auto const& row, std::uint64_t revision) {
            log.wrong += !is_whole(row) || revision <= last;
            last = revision;
        });
        view.pages.for_each(
            [&](auto, std::string const& page, auto) { log.wrong += !number_in(page); });
        log.wrong += view.jobs.size() + view.jobs.leased() > 2 * view.jobs.capacity();
        std::int64_t sum = 0;
        transact(view, [&](transaction& tx) {
            sum = 0;
            for (std::uint32_t i = 0; i != accounts; ++i)
                sum += tx.get(view.accounts, i).value_or(0);
        });
        log.wrong += sum != accounts * deposit;
    }
}

// Sleeps on its doorbell like a worker's loop; `mirror` is of the accounts.
void be_told_everything(member& me, books& log, std::map<std::uint32_t, std::int64_t>& mirror,
                        std::atomic<bool>& subscribed)
{
    auto& view = me.view;
    covey::subscription changes{me.who};
    auto const nothing = [](auto const&) {};
    auto const whole = [&](auto const& told) { log.wrong += told.after && !is_whole(*told.after); };
    changes.on_change(view.visits, nothing, covey::test::every_change);
    changes.on_change(view.open, nothing, covey::test::every_change);
    changes.on_change(view.slowest, nothing, covey::test::every_change);
    changes.on_change(view.fastest, nothing, covey::test::every_change);
    changes.on_change(view.nightly, nothing, covey::test::every_change);
    changes.on_change(view.chief, nothing, covey::test::every_change);
    changes.on_change(view.jobs, nothing, covey::test::every_change);
    changes.on_change(view.sessions, nothing, covey::test::every_change);
    changes.on_change(view.moods, nothing, covey::test::every_change);
    changes.on_change(view.boss, whole, covey::test::every_change);
    changes.on_change(view.photo, whole, covey::test::every_change);
    changes.on_change(view.people, whole, covey::test::every_change);
    changes.on_change(view.trail, whole, covey::test::every_change);
    changes.on_change(
        view.pages, [&](auto const& told) { log.wrong += told.after && !number_in(*told.after); },
        covey::test::every_change);
    changes.on_change(
        view.accounts,
        [&](auto const& told) {
            if (told.after)
                mirror[told.key] = *told.after;
        },
        covey::test::every_change);
    subscribed = true;
    for (;;) {
        bool const last = log.writing == 0;
        changes.dispatch();
        if (!changes.arm())
            continue;
        if (last)
            return;
        pollfd waits{.fd = changes.doorbell(), .events = POLLIN, .revents = 0};
        ::poll(&waits, 1, 100); // the deadline is for the end, when nobody writes any more
        changes.answer();
    }
}

void sweep_and_work(member& me, books& log)
{
    covey::sweeper sweeps{me.who};
    while (log.writing != 0) {
        if (sweeps.due() && *sweeps.due() <= covey::sweeper::clock::now())
            sweeps.step(16);
        me.view.pages.expire(4);
        if (auto const job = me.view.jobs.pop()) {
            log.wrong += !is_whole(job->row);
            log.done += me.view.jobs.acknowledge(*job) == covey::erase_result::erased;
        }
    }
}

void look_on(cluster const& all, books& log)
{
    auto const seen = covey::inspect::open(all.memory.lend_read_only());
    while (log.writing != 0) {
        std::size_t told = 0;
        for (std::uint32_t field = 0; field != seen.fields().size(); ++field)
            seen.for_each(field, [&](auto const& one) { told += to_json(one.row).size(); });
        log.wrong += told == 0 || !fsck(seen).empty();
        log.wrong += seen.blocks().size() != workers || seen.lags().size() > workers;
        log.wrong += seen.locks().size() > 64 || !seen.repairs().empty();
    }
}

void expect_nothing_lost(cluster const& all, member& me, books const& log)
{
    auto& view = me.view;
    CHECK(view.visits.get() == log.visits);
    CHECK(view.open.get() == log.open);
    CHECK(view.sizes.get().count() == log.sizes);
    CHECK(log.granted == 10);
    CHECK(log.nights == log.holds);
    CHECK(log.nights > 0);
    CHECK(log.terms == log.leads);
    CHECK(log.terms > 0);
    CHECK(view.jobs.leased() == 0);
    CHECK(view.jobs.size() == log.pushed - log.done);
    for (covey::field const* const one : {static_cast<covey::field const*>(&view.people),
                                          static_cast<covey::field const*>(&view.sessions),
                                          static_cast<covey::field const*>(&view.moods),
                                          static_cast<covey::field const*>(&view.jobs),
                                          static_cast<covey::field const*>(&view.trail),
                                          static_cast<covey::field const*>(&view.accounts)})
        CHECK(covey::test::fsck(all.memory, one->index()) == "");
    CHECK(covey::test::fsck_chunks(all.memory, view.pages.index()) == "");
    CHECK(covey::test::fsck_chunks(all.memory, view.photo.index()) == "");
}

} // namespace

TEST_CASE("eight workers that do everything with every kind at once lose and tear nothing",
          "[threads]")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    cluster all{workers};
    {
        auto const first = all.join(0);
        for (std::uint32_t i = 0; i != accounts; ++i)
            first->view.accounts.put(i, deposit);
    }
    books log;
    std::map<std::uint32_t, std::int64_t> mirror;
    std::atomic<bool> subscribed{false};
    std::vector<std::thread> threads;
    auto const start = [&](std::uint32_t block, auto body) {
        threads.emplace_back([&all, &log, block, body] {
            auto const me = all.join(block);
            body(*me, log);
        });
    };
    start(writers, [&](member& me, books& it) { be_told_everything(me, it, mirror, subscribed); });
    while (!subscribed)
        std::this_thread::yield();
    start(writers + 1, [](member& me, books& it) { read_everything(me, it); });
    start(writers + 2, [](member& me, books& it) { sweep_and_work(me, it); });
    start(writers + 3, [&](member&, books& it) { look_on(all, it); });
    for (std::uint32_t block = 0; block != writers; ++block)
        start(block,
              [block, seed](member& me, books& it) { write_everything(me, block, it, seed); });
    for (auto& thread : threads)
        thread.join();
    CHECK(log.wrong == 0);
    auto const me = all.join(0);
    expect_nothing_lost(all, *me, log);
    me->view.accounts.for_each(
        [&](auto key, auto row, auto) { CHECK((!mirror.contains(key) || mirror[key] == row)); });
}

} // namespace threads_kinds_test
