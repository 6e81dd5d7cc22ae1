// The storm: processes that read and write everything at once and are SIGKILLed at any moment, a
// thousand times over; one process that only reads; and books of all that was called and answered,
// in memory of their own, by which it is told afterwards whether anything was lost, torn, stale or
// done twice. Now and then all writers die at the same instant, with whatever locks they hold.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "support/campaign.hpp"
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/history.hpp"
#include "support/test_segment.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <covey/shm/arena.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/queue.hpp>
#include <covey/shm/value.hpp>
#include <csignal>
#include <map>
#include <memory>
#include <random>
#include <sched.h>
#include <set>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <vector>

namespace storm_test {

using namespace covey::test;

namespace {

constexpr std::uint32_t writers = 3;
constexpr std::uint32_t reader_block = writers;
constexpr std::uint32_t verifier_block = writers + 1;
constexpr std::uint32_t keys = 6;

struct everything : covey::state
{
    covey::counter hits{*this, "hits"};
    covey::value<std::int64_t> ticket{*this, "ticket"};
    covey::map<std::uint32_t, std::int64_t> rows{*this, "rows", covey::capacity{keys}};
    covey::queue<std::int64_t> jobs{*this, "jobs", covey::capacity{16}};
};

using world = test_segment<everything>;
using process = member<everything>;

enum class ledger : std::uint8_t { row, count, ticket, push, pop, acknowledge };

struct entry
{
    ledger in = ledger::row;
    std::uint32_t key = 0;
    std::uint64_t deliveries = 0;
    event done;
};

// What one process has called and been answered; in memory that outlives it.
class book
{
  public:
    static constexpr std::uint32_t entries_max = 4'000;

    entry& begin(ledger in, deed what = deed::get, std::uint32_t key = 0)
    {
        auto& made = entries_[begun_.load(std::memory_order_relaxed)];
        made = {};
        made.in = in;
        made.key = key;
        made.done.what = what;
        return made;
    }
    void call(entry& one)
    {
        one.done.called = now();
        begun_.fetch_add(1);
    }
    void answer(entry& one) { std::atomic_ref{one.done.returned}.store(now()); }

    bool is_full() const { return begun() == entries_max; }
    std::uint32_t begun() const { return begun_.load(); }
    entry const& operator[](std::uint32_t i) const { return entries_[i]; }

    static std::uint64_t now()
    {
        return static_cast<std::uint64_t>(
            std::chrono::steady_clock::now().time_since_epoch().count());
    }

  private:
    std::atomic<std::uint32_t> begun_{0};
    std::array<entry, entries_max> entries_{};
};

class shelf // of books, which processes share
{
  public:
    explicit shelf(std::size_t books)
        : bytes_{books * sizeof(book)}
        , books_{static_cast<book*>(
              ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))}
    {
        if (books_ == MAP_FAILED)
            throw std::bad_alloc{};
    }
    shelf(shelf const&) = delete;
    shelf& operator=(shelf const&) = delete;
    ~shelf() { ::munmap(books_, bytes_); }
    book& operator[](std::size_t i) const { return books_[i]; }

  private:
    std::size_t bytes_;
    book* books_;
};

// ---- what the processes do
// -----------------------------------------------------------------------

void look(process& me, book& log, std::uint32_t key)
{
    auto& one = log.begin(ledger::row, deed::get, key);
    log.call(one);
    if (auto const row = me.view.rows.find(key)) {
        one.done.found = true;
        one.done.value = static_cast<std::uint64_t>(row->row);
        one.done.revision = row->revision;
    }
    log.answer(one);
}

void write(process& me, book& log, std::uint32_t key, deed what, std::int64_t value)
{
    auto const now = what == deed::compare_and_set ? me.view.rows.find(key) : std::nullopt;
    auto& one = log.begin(ledger::row, what, key);
    one.done.value = static_cast<std::uint64_t>(value);
    one.done.compared = now ? now->revision : 0;
    log.call(one);
    if (what == deed::erase) {
        auto const gone = me.view.rows.erase(key);
        one.done.found = gone == covey::erase_result::erased;
        one.done.revision = gone.revision;
    } else {
        auto const done = what == deed::put
                              ? me.view.rows.put(key, value)
                              : me.view.rows.compare_and_set(key, one.done.compared, value);
        if (done == covey::put_result::busy)
            return; // as if never answered
        one.done.found = done.stored();
        one.done.revision = done.revision;
    }
    log.answer(one);
}

void work(process& me, book& log, std::int64_t value)
{
    auto& pop = log.begin(ledger::pop);
    log.call(pop);
    auto const job = me.view.jobs.pop();
    if (job) {
        pop.deliveries = job->deliveries;
        pop.done.found = true;
        pop.done.value = static_cast<std::uint64_t>(job->row);
        pop.done.revision = job->id;
    }
    log.answer(pop);
    if (log.is_full())
        return;
    if (job) {
        auto& end = log.begin(ledger::acknowledge);
        end.done.value = static_cast<std::uint64_t>(job->row);
        log.call(end);
        end.done.found = me.view.jobs.acknowledge(*job) == covey::erase_result::erased;
        return log.answer(end);
    }
    auto& push = log.begin(ledger::push);
    push.done.value = static_cast<std::uint64_t>(value);
    log.call(push);
    push.done.found = me.view.jobs.push(value).stored();
    log.answer(push);
}

[[noreturn]] void write_until_killed(world const& where, std::uint32_t block, book& log,
                                     std::uint64_t number)
{
    auto const me = where.join(block);
    std::mt19937_64 random{number};
    auto value = static_cast<std::int64_t>(number << 16);
    while (!log.is_full()) {
        auto const key = static_cast<std::uint32_t>(random() % keys);
        ++value;
        switch (random() % 8) {
        case 0:
        case 1:
            write(*me, log, key, deed::put, value);
            break;
        case 2:
            write(*me, log, key, deed::erase, value);
            break;
        case 3:
            write(*me, log, key, deed::compare_and_set, value);
            break;
        case 4:
            look(*me, log, key);
            break;
        case 5: {
            auto& one = log.begin(ledger::count);
            log.call(one);
            me->view.hits.add();
            log.answer(one);
            break;
        }
        case 6: {
            auto& one = log.begin(ledger::ticket);
            log.call(one);
            me->view.ticket.update([&](std::int64_t now) {
                one.done.value = static_cast<std::uint64_t>(now + 1);
                ::sched_yield(); // many die here, with the lock
                return now + 1;
            });
            log.answer(one);
            break;
        }
        case 7:
            work(*me, log, value);
            break;
        }
    }
    for (;;)
        ::pause();
}

[[noreturn]] void read_until_killed(world const& where, book& log)
{
    auto const memory = where.attach(); // another mapping, as another program would have it
    process me{memory, reader_block, where.bells};
    for (std::uint32_t i = 0; !log.is_full(); ++i) {
        look(me, log, i % keys);
        ::sched_yield();
    }
    for (;;)
        ::pause();
}

// ---- what the books tell
// -------------------------------------------------------------------------

// What a quiet world holds, before a round and after.
struct standing
{
    std::int64_t hits = 0;
    std::int64_t ticket = 0;
    std::map<std::uint32_t, covey::versioned<std::int64_t>> rows;

    explicit standing(process& verifier)
        : hits{verifier.view.hits.get()}
        , ticket{verifier.view.ticket.get()}
    {
        verifier.view.rows.for_each([&](auto key, auto row, auto revision) {
            rows[key] = {row, revision};
        });
    }
};

void check_rows(campaign& all, std::vector<entry const*> const& entries, standing const& before,
                standing const& after)
{
    std::map<std::uint32_t, std::vector<event>> histories;
    for (auto const* one : entries)
        if (one->in == ledger::row)
            histories[one->key].push_back(one->done);
    for (auto& [key, history] : histories) {
        auto const at_rest = [key = key](standing const& when, deed what, std::uint64_t time) {
            auto const row = when.rows.find(key);
            event one{.what = what, .called = time, .returned = time + 1};
            if (row != when.rows.end()) {
                one.found = true;
                one.value = static_cast<std::uint64_t>(row->second.row);
                one.revision = row->second.revision;
            }
            return one;
        };
        if (auto const first = at_rest(before, deed::put, 1); first.found)
            history.push_back(first);
        history.push_back(at_rest(after, deed::get, book::now()));
        all.count("events of rows", history.size());
        auto const wrong = linearize(history);
        all.expect(wrong.empty(), "row " + std::to_string(key) + ": " + wrong);
    }
}

void check_counts(campaign& all, std::vector<entry const*> const& entries, standing const& before,
                  standing const& after)
{
    std::int64_t counted = 0;
    std::int64_t begun = 0;
    std::int64_t drawn = 0;
    std::int64_t asked = 0;
    std::set<std::uint64_t> tickets;
    for (auto const* one : entries) {
        bool const answered = one->done.acknowledged();
        counted += one->in == ledger::count && answered;
        begun += one->in == ledger::count;
        asked += one->in == ledger::ticket;
        drawn += one->in == ledger::ticket && answered;
        if (one->in == ledger::ticket && answered)
            all.expect(tickets.insert(one->done.value).second, "one ticket was drawn twice");
    }
    auto const hits = after.hits - before.hits;
    auto const last = after.ticket - before.ticket;
    all.expect(counted <= hits && hits <= begun, "the counter has lost or made up something");
    all.expect(drawn <= last && last <= asked, "a ticket is lost or made up");
}

void check_jobs(campaign& all, std::vector<entry const*> const& entries, process& verifier)
{
    std::set<std::uint64_t> pushed;
    std::set<std::uint64_t> perhaps_pushed;
    std::set<std::uint64_t> done;
    std::set<std::uint64_t> perhaps_done;
    std::vector<event> first_deliveries;
    for (auto const* one : entries) {
        bool const answered = one->done.acknowledged();
        auto const value = one->done.value;
        if (one->in == ledger::push && (!answered || one->done.found))
            (answered ? pushed : perhaps_pushed).insert(value);
        if (one->in == ledger::acknowledge && !answered)
            perhaps_done.insert(value);
        if (one->in == ledger::acknowledge && answered)
            all.expect(one->done.found && done.insert(value).second, "a job was done twice");
        if (one->in == ledger::pop && one->done.found && one->deliveries == 1)
            first_deliveries.push_back(one->done);
    }
    while (auto const job = verifier.view.jobs.pop()) {
        auto const value = static_cast<std::uint64_t>(job->row);
        all.expect(pushed.contains(value) || perhaps_pushed.contains(value), "a made-up job");
        all.expect(done.insert(value).second, "a job that was done is there again");
        verifier.view.jobs.acknowledge(*job);
    }
    for (auto const value : pushed)
        all.expect(done.contains(value) || perhaps_done.contains(value), "a job is lost");
    all.expect(verifier.view.jobs.leased() == 0, "a dead worker has a job still");
    // Those that were popped for the first time were popped in the order of their pushes.
    for (auto& one : first_deliveries) {
        one.what = deed::put;
        one.value = one.revision;
    }
    all.count("jobs", pushed.size());
    auto const wrong = linearize(first_deliveries);
    all.expect(wrong.empty(), "jobs out of order: " + wrong);
}

void check_structure(campaign& all, world const& where, process& verifier)
{
    auto const rows = fsck(where.memory, verifier.view.rows.index());
    auto const jobs = fsck(where.memory, verifier.view.jobs.index());
    all.expect(rows.empty(), "rows: " + rows);
    all.expect(jobs.empty(), "jobs: " + jobs);
    for (std::uint32_t key = 0; key != keys; ++key) // every lock can be had
        all.expect(verifier.view.rows.put(key, -static_cast<std::int64_t>(key)).stored(),
                   "a row cannot be written");
}

// ---- the storm
// -----------------------------------------------------------------------------------

struct child
{
    pid_t pid = 0;
    std::size_t book = 0;
};

template <class Body>
pid_t start(Body body)
{
    auto const pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
    }
    return pid;
}

void end(child const& one)
{
    ::kill(one.pid, SIGKILL);
    ::waitpid(one.pid, nullptr, 0);
}

// As the master does.
void reap(world& where, std::uint32_t block)
{
    while (!where.memory.reap_block(block, where.bells))
        ::sched_yield();
}

void storm_once(campaign& all, world& where, std::size_t kills, std::mt19937_64& random)
{
    auto const verifier = where.join(verifier_block);
    standing const before{*verifier};
    shelf const books{kills + writers + 1};
    std::size_t used = 0;
    std::array<child, writers> alive;
    auto const begin = [&](std::uint32_t block) {
        auto const number = all.counted("processes") + 1;
        alive[block].book = used++;
        auto& log = books[alive[block].book];
        where.memory.open_block(block, {.pid = 1, .id = number, .generation = 1});
        alive[block].pid = start([&] { write_until_killed(where, block, log, number); });
        all.count("processes");
    };
    for (std::uint32_t block = 0; block != writers; ++block)
        begin(block);
    child const reader{start([&] { read_until_killed(where, books[used]); }), used};
    ++used;
    while (used != kills + writers + 1) {
        auto const block = static_cast<std::uint32_t>(random() % writers);
        auto const& log = books[alive[block].book];
        for (auto const far = random() % 200; log.begun() < far;)
            ::sched_yield();
        end(alive[block]);
        reap(where, block);
        all.count("killed");
        begin(block);
    }
    for (auto const& one : alive) // at the same instant, whatever they hold
        ::kill(one.pid, SIGKILL);
    for (auto const& one : alive)
        ::waitpid(one.pid, nullptr, 0);
    for (std::uint32_t block = 0; block != writers; ++block)
        reap(where, block);
    all.count("killed", writers);
    end(reader);

    standing const after{*verifier};
    std::vector<entry const*> entries;
    for (std::size_t i = 0; i != used; ++i)
        for (std::uint32_t n = 0; n != books[i].begun(); ++n)
            entries.push_back(&books[i][n]);
    check_rows(all, entries, before, after);
    check_counts(all, entries, before, after);
    check_jobs(all, entries, *verifier);
    check_structure(all, where, *verifier);
}

} // namespace

TEST_CASE("a storm of kills loses, tears, repeats and delays nothing that was acknowledged",
          "[crash]")
{
    campaign all{"a storm of kills"};
    auto random = all.random();
    {
        world where{writers + 2};
        auto const rounds = times(10, 200);
        for (int round = 0; round != rounds; ++round)
            storm_once(all, where, 47, random);
        all.count("repairs", where.memory.memory()->head().repairs.load());
    }
    CHECK(all.counted("killed") >= times<std::size_t>(500, 10'000));
    all.expect_descriptors_back();
}

} // namespace storm_test
