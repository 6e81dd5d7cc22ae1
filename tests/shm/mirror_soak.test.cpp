// The soak of notification: processes that write, mirror two maps by their subscriptions, and are
// killed, stopped and started again at random; and a relay that is stopped, too. Now and then all
// is quiet, and then every mirror must come to equal the table, though nobody wakes anybody but by
// a doorbell: a mirror is in memory that the test sees, and whoever listens sleeps without a limit.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "support/campaign.hpp"
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <covey/shm/arena.hpp>
#include <covey/shm/doorbell_relay.hpp>
#include <covey/shm/map.hpp>
#include <csignal>
#include <memory>
#include <new>
#include <optional>
#include <poll.h>
#include <random>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <vector>

namespace mirror_soak_test {

using namespace covey::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t writers = 8;   // they listen, too
constexpr std::uint32_t listeners = 4; // so that there is something for the relay
constexpr std::uint32_t workers = writers + listeners;
constexpr std::uint32_t verifier_block = workers;
constexpr std::uint32_t keys = 40;

struct wide // too large for a record of a ring: it is read from the state, and folds
{
    std::array<std::int64_t, 64> numbers{};
};
BOOST_DESCRIBE_STRUCT(wide, (), (numbers))

struct tables : covey::state
{
    covey::map<std::uint32_t, std::int64_t> rows{*this, "rows", covey::capacity{keys}};
    covey::map<std::uint32_t, wide> pages{*this, "pages", covey::capacity{keys}};
};

using world = test_segment<tables>;
using member = covey::test::member<tables>;

// What a worker has been told of one row.
struct reflection
{
    std::atomic<std::uint64_t> revision{0};
    std::atomic<std::int64_t> number{0};
    std::atomic<bool> there{false};
};

struct mirror
{
    std::array<std::array<reflection, keys>, 2> rows{}; // of each map

    void set(std::size_t map, std::uint32_t key, std::uint64_t revision,
             std::optional<std::int64_t> number)
    {
        auto& at = rows[map][key];
        if (revision <= at.revision.load())
            return; // known already: it was read, or is an own change
        at.number.store(number.value_or(0));
        at.there.store(number.has_value());
        at.revision.store(revision);
    }
    void forget(std::size_t map)
    {
        for (auto& each : rows[map]) {
            each.there.store(false);
            each.revision.store(0);
        }
    }
};

struct shared_page // what the test and all processes see
{
    std::atomic<bool> quiet{false};
    std::array<std::atomic<bool>, workers> writing{};
    std::array<std::atomic<std::uint64_t>, workers> changes{};
    std::array<mirror, workers> mirrors;
};

// ---- a worker
// ------------------------------------------------------------------------------------

class worker
{
  public:
    worker(world const& where, std::uint32_t block, shared_page& page, std::uint64_t seed)
        : block_{block}
        , page_{page}
        , mine_{page.mirrors[block]}
        , random_{seed}
        , me_{where.join(block)}
        , changes_{me_->who}
    {
        mine_.forget(0);
        mine_.forget(1);
        changes_.on_change(me_->view.rows, [this](auto const& one) {
            hear(0, one, [](auto const& row) { return row; });
        });
        changes_.on_change(me_->view.pages, [this](auto const& one) {
            hear(1, one, [](auto const& row) { return row.numbers[63]; });
        });
        // From the moment of subscribing nothing is missed: what is there is read behind it.
        me_->view.rows.for_each(
            [this](auto key, auto row, auto revision) { mine_.set(0, key, revision, row); });
        me_->view.pages.for_each([this](auto key, auto const& row, auto revision) {
            mine_.set(1, key, revision, row.numbers[63]);
        });
    }

    [[noreturn]] void run()
    {
        for (;;) {
            if (block_ < writers && random_() % 4 != 0)
                write_some();
            do
                changes_.dispatch();
            while (!changes_.arm());
            sleep();
        }
    }

  private:
    template <class Change, class Number>
    void hear(std::size_t map, Change const& one, Number number)
    {
        if (one.kind == covey::change_kind::resync)
            return one.resync.complete ? mine_.forget(map) : void(); // puts follow
        std::optional<std::int64_t> now;
        if (one.after)
            now = number(*one.after);
        mine_.set(map, one.key, one.revision, now);
    }

    void write_some()
    {
        auto& writing = page_.writing[block_];
        for (auto left = random_() % 400; left > 0; --left) {
            writing.store(true);
            if (page_.quiet.load())
                break;
            write();
        }
        writing.store(false);
    }

    // An own change may be told, or not: the mirror has it already.
    void write()
    {
        auto const key = static_cast<std::uint32_t>(random_() % keys);
        auto const number = static_cast<std::int64_t>(random_() >> 1);
        auto& count = page_.changes[block_];
        count.store(count.load() + 1);
        bool const first = random_() % 4 != 0;
        if (random_() % 4 == 0) {
            auto const gone = first ? me_->view.rows.erase(key) : me_->view.pages.erase(key);
            if (gone == covey::erase_result::erased)
                mine_.set(first ? 0 : 1, key, gone.revision, std::nullopt);
            return;
        }
        wide page;
        page.numbers[63] = number;
        auto const done = first ? me_->view.rows.put(key, number) : me_->view.pages.put(key, page);
        if (done.stored())
            mine_.set(first ? 0 : 1, key, done.revision, number);
    }

    // Writers often go on by themselves; listeners by a doorbell alone, and everybody when it is
    // quiet.
    void sleep()
    {
        bool const limited = block_ < writers && !page_.quiet.load() && random_() % 3 != 0;
        pollfd waits{.fd = changes_.doorbell(), .events = POLLIN, .revents = 0};
        ::poll(&waits, 1, limited ? static_cast<int>(random_() % 4) : -1);
        changes_.answer();
    }

    std::uint32_t block_;
    shared_page& page_;
    mirror& mine_;
    std::mt19937_64 random_;
    std::unique_ptr<member> me_;
    covey::subscription changes_;
};

[[noreturn]] void relay(world const& where)
{
    covey::doorbell_relay it{where.memory.memory(),
                             std::make_shared<covey::doorbells const>(member::copy(where.bells))};
    for (;;) {
        do
            it.ring();
        while (!it.arm());
        pollfd waits{.fd = it.descriptor(), .events = POLLIN, .revents = 0};
        ::poll(&waits, 1, -1);
        it.answer();
    }
}

// ---- who kills, stops and looks
// ------------------------------------------------------------------

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

class soak
{
  public:
    explicit soak(campaign& all)
        : all_{all}
        , random_{all.random()}
        , page_{*new (::mmap(nullptr, sizeof(shared_page), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0)) shared_page}
        , verifier_{where_.join(verifier_block)}
        , relay_{start([this] { relay(where_); })}
    {
        for (std::uint32_t block = 0; block != workers; ++block)
            begin(block);
    }
    soak(soak const&) = delete;
    soak& operator=(soak const&) = delete;
    ~soak()
    {
        for (auto const pid : pids_)
            end(pid);
        end(relay_);
        ::munmap(&page_, sizeof(shared_page));
    }

    // Some time of everything, then a quiet point. False when a mirror is not as the table.
    bool round()
    {
        page_.quiet.store(false);
        auto const until = test_time::now() + 1ms * (200 + random_() % 800);
        while (test_time::now() < until) {
            auto const block = static_cast<std::uint32_t>(random_() % workers);
            switch (random_() % 8) {
            case 0:
            case 1:
                kill(block);
                break;
            case 2:
                stop(pids_[block], "stops");
                break;
            case 3:
                if (random_() % 4 == 0)
                    stop(relay_, "stops of the relay");
                break;
            default:
                go_on();
            }
            // Somebody who is up writes: all others may be asleep.
            auto const key = static_cast<std::uint32_t>(random_() % keys);
            verifier_->view.rows.put(key, static_cast<std::int64_t>(random_() >> 1));
            std::this_thread::sleep_for(1ms * (random_() % 20));
        }
        return is_quiet_and_equal();
    }

    void tell()
    {
        std::uint64_t changes = 0;
        for (auto const& each : page_.changes)
            changes += each.load();
        all_.count("changes", changes);
        auto const& memory = *where_.memory.memory();
        for (std::uint32_t block = 0; block != workers; ++block) {
            auto const& did = memory.block(block).notified;
            all_.count("told", did.told.load());
            all_.count("folded", did.folded.load());
            all_.count("resyncs", did.resyncs.load());
            all_.count("rings", did.rings.load());
            all_.count("left to the relay", did.relayed.load());
        }
        all_.count("repairs", memory.head().repairs.load());
    }

    std::string damage() const
    {
        return fsck(where_.memory, verifier_->view.rows.index()) +
               fsck(where_.memory, verifier_->view.pages.index());
    }

  private:
    using test_time = std::chrono::steady_clock;

    void begin(std::uint32_t block)
    {
        auto const seed = random_();
        where_.memory.open_block(block, {.pid = 1, .id = ++started_, .generation = 1});
        pids_[block] = start([&] {
            auto const it = std::make_unique<worker>(where_, block, page_, seed);
            it->run();
        });
    }
    static void end(pid_t pid)
    {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }

    // As the master does.
    void kill(std::uint32_t block)
    {
        end(pids_[block]);
        page_.writing[block].store(false);
        while (!where_.memory.reap_block(block, where_.bells)) {
            go_on(); // one that is stopped in a repair
            ::sched_yield();
        }
        all_.count("kills");
        begin(block);
    }
    void stop(pid_t pid, std::string_view what)
    {
        ::kill(pid, SIGSTOP);
        all_.count(what);
    }
    void go_on()
    {
        for (auto const pid : pids_)
            ::kill(pid, SIGCONT);
        ::kill(relay_, SIGCONT);
    }

    bool is_quiet_and_equal()
    {
        go_on();
        page_.quiet.store(true);
        bool const still = wait_until([&] {
            return std::none_of(page_.writing.begin(), page_.writing.end(),
                                [](auto const& one) { return one.load(); });
        });
        all_.expect(still, "somebody writes for ever");
        std::string wrong;
        bool const equal = wait_until([&] {
            wrong = difference();
            return wrong.empty();
        });
        all_.expect(equal, wrong);
        all_.count("quiet points");
        return still && equal;
    }

    // Where some mirror is not as its table; empty: nowhere.
    std::string difference() const
    {
        std::array<std::array<std::optional<covey::versioned<std::int64_t>>, keys>, 2> table;
        verifier_->view.rows.for_each([&](auto key, auto row, auto revision) {
            table[0][key] = {row, revision};
        });
        verifier_->view.pages.for_each([&](auto key, auto const& row, auto revision) {
            table[1][key] = {row.numbers[63], revision};
        });
        for (std::uint32_t block = 0; block != workers; ++block)
            for (std::size_t map = 0; map != 2; ++map)
                for (std::uint32_t key = 0; key != keys; ++key) {
                    auto const& at = page_.mirrors[block].rows[map][key];
                    auto const& row = table[map][key];
                    bool const same = at.there.load() == row.has_value() &&
                                      (!row || (at.number.load() == row->row &&
                                                at.revision.load() == row->revision));
                    if (!same)
                        return "the mirror of block " + std::to_string(block) +
                               " is another than map " + std::to_string(map) + " at key " +
                               std::to_string(key) + ": revision " +
                               std::to_string(at.revision.load()) + (at.there ? "" : ", gone") +
                               ", against " + std::to_string(row ? row->revision : 0);
                }
        return {};
    }

    campaign& all_;
    std::mt19937_64 random_;
    world where_{workers + 1};
    shared_page& page_;
    std::unique_ptr<member> verifier_;
    pid_t relay_;
    std::array<pid_t, workers> pids_{};
    std::uint64_t started_ = 0;
};

} // namespace

TEST_CASE(
    "mirrors of workers that write, are killed and stopped equal the table whenever it is quiet",
    "[crash]")
{
    campaign all{"mirrors"};
    {
        soak it{all};
        auto const until = std::chrono::steady_clock::now() + times(30s, 600s);
        while (std::chrono::steady_clock::now() < until && it.round()) {
        }
        it.tell();
        auto const damage = it.damage();
        all.expect(damage.empty(), damage);
    }
    CHECK(all.counted("quiet points") > 0);
    CHECK(all.counted("kills") > 0);
    CHECK(all.counted("resyncs") > 0);
    all.expect_descriptors_back();
}

} // namespace mirror_soak_test
