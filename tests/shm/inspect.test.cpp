// Segments read by what they say of themselves: that a tool without the program's types sees what
// the program sees, that it cannot write, and that nothing in a segment makes it crash or run on.
#include "support/catch.hpp"
#include "support/every_kind.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <covey/shm/arena.hpp>
#include <covey/shm/error.hpp>
#include <covey/shm/inspect.hpp>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace inspect_test {

using covey::inspect;
using covey::reading;
using covey::row_type;
using covey::row_value;
using covey::shm::error;
using covey::test::every_kind;

namespace {

using cluster = covey::test::test_segment<every_kind>;

inspect open(cluster const& all)
{
    return inspect::open(all.memory.lend_read_only());
}

// What the row type makes of a value that the typed interface gave.
template <class Row>
row_value plain(Row const& row)
{
    std::array<std::uint64_t, covey::detail::words_of<Row>> words;
    covey::detail::to_words(row, words.data());
    return row_type::parse(covey::detail::shared_type<Row>::name())
        .read(reinterpret_cast<std::byte const*>(words.data()));
}

std::vector<covey::field_entry> all_of(inspect const& seen, covey::field const& of)
{
    std::vector<covey::field_entry> out;
    CHECK(seen.for_each(of.index(), [&](auto const& one) { out.push_back(one); }) == 0);
    return out;
}

row_value word(inspect const& seen, covey::field const& of)
{
    auto const entry = seen.get(of.index());
    REQUIRE(entry.result == reading::found);
    return entry.entry.row;
}

template <class Key, class Row>
void same_rows(inspect const& seen, covey::map<Key, Row> const& rows)
{
    std::map<std::string, std::pair<row_value, std::uint64_t>> wanted;
    rows.for_each([&](Key const& key, Row const& row, std::uint64_t revision) {
        wanted.emplace(row_type::to_text(plain(key)), std::pair{plain(row), revision});
    });
    auto const found = all_of(seen, rows);
    CHECK(found.size() == wanted.size());
    for (auto const& one : found) {
        auto const key = row_type::to_text(one.key);
        CAPTURE(key);
        REQUIRE(wanted.contains(key));
        CHECK(one.row == wanted.at(key).first);
        CHECK(one.revision == wanted.at(key).second);
        auto const alone = seen.get(rows.index(), key);
        CHECK(alone.result == reading::found);
        CHECK(alone.entry.row == one.row);
    }
}

void same_as_typed(inspect const& seen, every_kind& view)
{
    CHECK(word(seen, view.visits) == row_value::of(view.visits.get()));
    CHECK(word(seen, view.open) == row_value::of(view.open.get()));
    auto const slowest = view.slowest.get();
    CHECK(word(seen, view.slowest) == (slowest ? row_value::of(*slowest) : row_value{}));
    auto const fastest = view.fastest.get();
    CHECK(word(seen, view.fastest) == (fastest ? row_value::of(*fastest) : row_value{}));
    auto const sizes = view.sizes.get();
    CHECK(word(seen, view.sizes)["count"] == row_value::of(sizes.count()));
    CHECK(word(seen, view.sizes)["sum"] == row_value::of(sizes.sum()));
    auto const p99 = sizes.quantile(.99);
    CHECK(word(seen, view.sizes)["p99"] == (p99 ? row_value::of(*p99) : row_value{}));
    auto const boss = seen.get(view.boss.index()).entry;
    CHECK(boss.row == plain(view.boss.get()));
    CHECK(boss.revision == view.boss.find().revision);
    same_rows(seen, view.people);
    same_rows(seen, view.sessions);
    same_rows(seen, view.moods);
    auto const trail = view.trail.last(20);
    auto const told = all_of(seen, view.trail);
    REQUIRE(told.size() == trail.size());
    for (std::size_t i = 0; i != trail.size(); ++i) {
        CHECK(told[i].row == plain(trail[i].row));
        CHECK(told[i].revision == trail[i].revision);
    }
    auto const jobs = all_of(seen, view.jobs);
    std::uint64_t leased = 0;
    for (auto const& job : jobs)
        leased += job.item->leased_by.has_value();
    CHECK(leased == view.jobs.leased());
    CHECK(jobs.size() - leased == view.jobs.size());
    auto const chief = view.chief.holder();
    CHECK(word(seen, view.chief)["block"] ==
          (chief ? row_value::of(std::uint64_t{chief->block}) : row_value{}));
}

// A segment's whole memory in this process, for tests that damage it.
std::span<std::byte> bytes_of(cluster const& all)
{
    return {&all.memory.memory()->at<std::byte>(0), all.memory.bytes()};
}

boost::system::error_code refused(covey::handle const& lent, std::string* what = nullptr)
{
    try {
        inspect::open(lent);
        return {};
    } catch (boost::system::system_error const& failed) {
        if (what != nullptr)
            *what = failed.what();
        return failed.code();
    }
}

// Everything a tool can ask.
void ask_everything(inspect const& seen)
{
    std::uint64_t told = 0;
    for (std::uint32_t field = 0; field != seen.fields().size(); ++field) {
        std::string key;
        seen.for_each(field, [&](covey::field_entry const& one) {
            told += to_json(one.row).size();
            key = row_type::to_text(one.key);
        });
        try {
            seen.get(field, key);
        } catch (std::invalid_argument const&) { // a ring, or a key that is no name of any row
        }
    }
    told += seen.name().size() + seen.locks().size() + seen.blocks().size() + seen.lags().size() +
            seen.repairs().size() + seen.quarantined().size() + seen.memory().size();
    CHECK(told != 0);
}

} // namespace

TEST_CASE("what inspect tells of random states is what the typed fields say")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    for (int run = 0; run != 10; ++run) {
        cluster all{3};
        auto const one = all.join(0);
        auto const two = all.join(1);
        auto const seen = open(all);
        same_as_typed(seen, one->view);
        for (int round = 0; round != 5; ++round) {
            covey::test::write_at_random(one->view, random, 150);
            covey::test::write_at_random(two->view, random, 50);
            same_as_typed(seen, one->view);
        }
        CHECK(seen.revision() == all.memory.revision());
    }
}

TEST_CASE("inspect tells what fields there are, how full they are and how rows are laid out")
{
    cluster all{2};
    auto const me = all.join(0);
    me->view.people.put("ann", {.name = "Ann", .age = 30});
    me->view.trail.append({1, 2});
    me->view.jobs.push({.name = "work"});
    auto const seen = open(all);
    auto const fields = seen.fields();
    REQUIRE(fields.size() == 14);
    auto const people = fields[me->view.people.index()];
    CHECK(people.name == "people");
    CHECK(people.kind == covey::field_kind::map);
    CHECK(people.key_type == "text<16>");
    CHECK(people.capacity == 300);
    CHECK(people.rows == 1);
    CHECK(fields[me->view.trail.index()].rows == 1);
    CHECK(fields[me->view.jobs.index()].rows == 1);
    CHECK(fields[me->view.sessions.index()].keep.expires);
    auto const index = seen.find("people");
    REQUIRE(index == me->view.people.index());
    CHECK_FALSE(seen.find("peopl"));
    CHECK(seen.rows_type(*index)->members[1].name == "age");
    CHECK(seen.key_type(*index)->kind == row_type::form::text);
    CHECK(seen.key_type(me->view.visits.index()) == nullptr);
    CHECK(seen.name() == "test");
    CHECK(seen.get(*index, "bob").result == reading::missing);
    CHECK(to_json(seen.get(*index, "ann").entry.row["name"]) == "\"Ann\"");
    CHECK_THROWS_AS(seen.get(*index, "longer than sixteen bytes"), std::invalid_argument);
    CHECK_THROWS_AS(seen.get(me->view.trail.index(), ""), std::invalid_argument);
    CHECK_THROWS_AS(seen.get(me->view.visits.index(), "x"), std::invalid_argument);
}

TEST_CASE("the parts of a segment's memory are all of it, and as large as its file")
{
    cluster all{5};
    auto const seen = open(all);
    std::uint64_t sum = 0;
    std::uint64_t of_fields = 0;
    for (auto const& part : seen.memory()) {
        CHECK(part.bytes > 0);
        CHECK(part.bytes < all.memory.bytes());
        sum += part.bytes;
    }
    for (auto const& field : seen.fields())
        of_fields += field.bytes;
    CHECK(sum == all.memory.bytes());
    CHECK(of_fields < sum);
    CHECK(static_cast<std::uint64_t>(::lseek(all.memory.lend_read_only().get(), 0, SEEK_END)) ==
          sum);
}

TEST_CASE("a row that expires is told with what it has left, and not at all when it is over")
{
    cluster all{1};
    auto const me = all.join(0);
    me->view.sessions.put(1, 10, covey::ttl{std::chrono::hours{1}});
    me->view.sessions.put(2, 20);
    me->view.sessions.put(3, 30, covey::ttl{std::chrono::nanoseconds{1}});
    std::this_thread::sleep_for(std::chrono::milliseconds{20}); // for the clock's tick
    auto const seen = open(all);
    auto const index = me->view.sessions.index();
    auto const lives = seen.get(index, "1").entry.lives;
    REQUIRE(lives);
    CHECK(*lives <= std::chrono::hours{1});
    CHECK(*lives > std::chrono::minutes{50});
    CHECK_FALSE(seen.get(index, "2").entry.lives);
    CHECK(seen.get(index, "3").result == reading::missing);
    CHECK(all_of(seen, me->view.sessions).size() == 2);
}

TEST_CASE("a handle for reading reads everything and cannot be mapped for writing")
{
    cluster all{2};
    auto const me = all.join(0);
    std::mt19937_64 random{1};
    covey::test::write_at_random(me->view, random, 500);
    auto const lent = all.memory.lend_read_only();
    auto const bytes = all.memory.bytes();
    CHECK(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, lent.get(), 0) == MAP_FAILED);
    CHECK(errno == EACCES);
    CHECK(::pwrite(lent.get(), "x", 1, 0) == -1);
    CHECK((::fcntl(lent.get(), F_GETFD) & FD_CLOEXEC) != 0);
    auto const seen = inspect::open(lent);
    same_as_typed(seen, me->view);
    ask_everything(seen);
    auto const child = ::fork();
    if (child == 0) {
        ::signal(SIGSEGV, SIG_DFL); // a sanitizer's handler would exit
        seen.arena()->head().revision.store(0);
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGSEGV);
}

TEST_CASE("looking changes no byte of the segment")
{
    cluster all{2};
    auto const me = all.join(0);
    std::mt19937_64 random{2};
    covey::test::write_at_random(me->view, random, 500);
    auto const memory = bytes_of(all);
    std::vector<std::byte> const before{memory.begin(), memory.end()};
    ask_everything(open(all));
    CHECK(std::equal(before.begin(), before.end(), memory.begin()));
}

TEST_CASE("a reader of rows that are stopped in a write never waits, and says busy at most")
{
    cluster all{2};
    auto const me = all.join(0);
    for (int i = 0; i != 100; ++i)
        me->view.people.put("k" + std::to_string(i), {.age = 1});
    // A writer that is stopped holding the lock is in nobody's way.
    me->view.people.update("k1", [&](auto const& now) {
        auto const seen = open(all);
        CHECK(all_of(seen, me->view.people).size() == 100);
        CHECK(seen.get(me->view.people.index(), "k1").result == reading::found);
        return now;
    });
    // One whose erasures never rest is.
    auto const& memory = *all.memory.memory();
    auto const& field = memory.places().fields[me->view.people.index()];
    std::atomic<bool> done{false};
    std::thread eraser{[&] {
        while (!done)
            for (std::uint32_t shard = 0; shard != field.shard_count; ++shard)
                memory.shard(field, shard).erasures.fetch_add(1);
    }};
    auto const seen = open(all);
    for (int i = 0; i != 1000; ++i) {
        auto const one = seen.get(me->view.people.index(), "k7");
        CHECK(one.result != reading::missing);
    }
    seen.for_each(me->view.people.index(), [](auto const&) {});
    done = true;
    eraser.join();
}

TEST_CASE("a lock that is held is told with its owner, a dead owner's as such")
{
    cluster all{2};
    auto const me = all.join(0);
    auto const seen = open(all);
    CHECK(seen.locks().empty());
    me->view.people.update("ann", [&](auto const&) {
        auto const held = seen.locks();
        REQUIRE(held.size() == 1);
        CHECK(held[0].field == me->view.people.index());
        CHECK(held[0].pid == ::gettid());
        CHECK(held[0].block == 0U);
        CHECK_FALSE(held[0].owner_died);
        return std::optional<covey::test::person>{};
    });
    CHECK(seen.locks().empty());
    auto const child = ::fork();
    if (child == 0) {
        auto const other = all.join(1);
        other->view.boss.update([](auto const& now) {
            ::kill(::getpid(), SIGKILL);
            return now;
        });
    }
    ::waitpid(child, nullptr, 0);
    auto const left = seen.locks();
    REQUIRE(left.size() == 1);
    CHECK(left[0].field == me->view.boss.index());
    CHECK(left[0].owner_died);
    me->view.boss.put({}); // repairs
    CHECK(seen.locks().empty());
    auto const repairs = seen.repairs();
    REQUIRE(repairs.size() == 1);
    CHECK(repairs[0].where == covey::region{me->view.boss.index(), 0});
    CHECK(repairs[0].took.count() > 0);
    auto const now = std::chrono::system_clock::now();
    CHECK(repairs[0].when <= now);
    CHECK(repairs[0].when > now - std::chrono::minutes{10});
    auto const nightly = me->view.nightly.try_hold();
    auto const held = seen.locks();
    REQUIRE(held.size() == 1);
    CHECK(held[0].field == me->view.nightly.index());
    CHECK(held[0].pid == ::getpid());
    CHECK(held[0].epoch == nightly->epoch());
}

TEST_CASE("a subscriber that does not come round is seen to be behind")
{
    cluster all{3};
    auto const me = all.join(0);
    auto const other = all.join(1);
    auto const seen = open(all);
    CHECK(seen.lags().empty());
    covey::subscription listens{other->who};
    listens.on_change(
        other->view.people, [](auto const&) {}, covey::test::every_change);
    for (int i = 0; i != 7; ++i)
        me->view.people.put("k", {});
    auto const lags = seen.lags();
    REQUIRE(lags.size() == 1);
    CHECK(lags[0].block == 1);
    CHECK(lags[0].pid == ::getpid());
    CHECK(lags[0].changes == 7);
    listens.dispatch();
    CHECK(seen.lags()[0].changes == 0);
}

TEST_CASE("blocks are told with their workers, and one in a write as such")
{
    cluster all{2};
    auto const me = all.join(1);
    me->who.set_load({.connections = 3, .in_flight = 2, .requests = 9});
    auto const blocks = open(all).blocks();
    REQUIRE(blocks.size() == 2);
    CHECK(blocks[1].open);
    CHECK(blocks[1].owner.pid == ::getpid());
    CHECK(blocks[1].load.in_flight == 2);
    CHECK_FALSE(blocks[1].writing);
}

TEST_CASE("what is no segment, of another layout or not ready, is refused and says why")
{
    cluster all{1};
    covey::handle const zeros{::memfd_create("zeros", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    REQUIRE(::ftruncate(zeros.get(), 1 << 20) == 0);
    CHECK(refused(zeros) == error::not_a_segment); // nor sealed
    covey::handle const null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    CHECK(refused(null) == error::not_a_segment);
    auto const lent = all.memory.lend_read_only();
    auto& head = all.memory.memory()->head();
    std::string what;
    head.layout_version += 95;
    CHECK(refused(lent, &what) == error::wrong_layout);
    CHECK(what.find(std::to_string(covey::shm::layout_version + 95)) != std::string::npos);
    CHECK(what.find(std::to_string(covey::shm::layout_version)) != std::string::npos);
    head.layout_version -= 95;
    head.ready.store(0);
    CHECK(refused(lent) == error::not_ready);
    head.ready.store(1);
    head.bytes += 4096;
    CHECK(refused(lent) == error::wrong_layout);
    head.bytes -= 4096;
    auto& text = all.memory.memory()->at<char>(covey::shm::schema_text_offset());
    text = 'X';
    CHECK(refused(lent, &what) == error::bad_schema);
    CHECK(what.find("line 1, column 1") != std::string::npos);
    text = 'c';
    head.schema_text_bytes += 1;
    CHECK(refused(lent) == error::bad_schema);
    head.schema_text_bytes = std::uint64_t{1} << 60;
    CHECK(refused(lent) == error::bad_schema);
    head.schema_text_bytes = all.memory.memory()->places().schema_text;
    CHECK(refused(lent) == error::bad_schema);
    head.schema_text_bytes = every_kind{}.described().text().size();
    CHECK_FALSE(refused(lent));
}

TEST_CASE("a segment that is written over at random makes no reader crash or run on")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    for (int run = 0; run != 20; ++run) {
        cluster all{2};
        auto const me = all.join(0);
        covey::test::write_at_random(me->view, random, 300);
        auto const memory = bytes_of(all);
        auto const behind = all.memory.memory()->places().worker_blocks;
        if (run % 4 == 0) // everything behind the schema
            for (auto at = behind; at != memory.size(); ++at)
                memory[at] = static_cast<std::byte>(random());
        else if (run % 4 == 1) // links that lead on and on
            for (auto at = behind; at != memory.size(); at += 8)
                memory[at] = static_cast<std::byte>(1 + random() % 3);
        else // here and there, so that most of it is still followed
            for (int i = 0; i != 20'000; ++i)
                memory[behind + random() % (memory.size() - behind)] =
                    static_cast<std::byte>(random());
        ask_everything(open(all));
    }
}

TEST_CASE("a header and a schema that are written over are refused or read, and no more")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    cluster all{2};
    auto const memory = bytes_of(all);
    auto const end = all.memory.memory()->places().worker_blocks;
    std::vector<std::byte> const whole{memory.begin(), memory.begin() + std::ptrdiff_t(end)};
    auto const lent = all.memory.lend_read_only();
    for (int run = 0; run != 2000; ++run) {
        for (auto n = random() % 4 + 1; n != 0; --n)
            memory[random() % (run % 2 == 0 ? 256 : end)] = static_cast<std::byte>(random());
        try {
            ask_everything(inspect::open(lent));
        } catch (boost::system::system_error const& failed) {
            CHECK(failed.code().category() == make_error_code(error::bad_schema).category());
        }
        std::copy(whole.begin(), whole.end(), memory.begin());
    }
}

} // namespace inspect_test
