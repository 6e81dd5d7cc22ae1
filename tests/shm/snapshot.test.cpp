// Snapshots: that what is saved comes back, into the same schema and into a changed one; that a
// file that is cut off or changed is refused whole.
#include "support/catch.hpp"
#include "support/every_kind.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"

#include <atomic>
#include <boost/system/system_error.hpp>
#include <covey/shm/blob_map.hpp>
#include <covey/shm/blob_value.hpp>
#include <covey/shm/error.hpp>
#include <covey/shm/fsck.hpp>
#include <covey/shm/inspect.hpp>
#include <covey/shm/snapshot.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

namespace snapshot_test {

namespace {

using covey::inspect;
using covey::load_snapshot;
using covey::save_snapshot;
using covey::segment;
using covey::snapshot_report;
using covey::test::every_kind;

// A folder of its own, and a snapshot's path in it.
struct place
{
    place()
    {
        std::string name = std::filesystem::temp_directory_path() / "covey-snapshot-XXXXXX";
        folder = ::mkdtemp(name.data());
        file = folder / "state.snapshot";
    }
    ~place() { std::filesystem::remove_all(folder); }
    place(place const&) = delete;
    place& operator=(place const&) = delete;

    std::size_t files() const
    {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator{folder}, {}));
    }

    std::filesystem::path folder;
    std::string file;
};

template <class State>
segment fresh()
{
    return segment::create(State{}.described(), 2, "fresh");
}

template <class State>
struct world
{
    explicit world(segment made)
        : memory{std::move(made)}
        , bells{covey::doorbells::make(2)}
    {
        memory.open_block(0, {.pid = ::getpid(), .id = 1, .generation = 1});
        me = std::make_unique<covey::test::member<State>>(memory, 0, bells);
    }
    segment memory;
    covey::doorbells bells;
    std::unique_ptr<covey::test::member<State>> me;
};

inspect look(segment const& at)
{
    return inspect::open(at.lend_read_only());
}

bool told(snapshot_report const& report, std::string const& what)
{
    for (auto const& note : report.notes)
        if (note.find(what) != std::string::npos)
            return true;
    for (auto const& note : report.notes)
        UNSCOPED_INFO(note);
    return false;
}

std::string refused(segment const& into, std::string const& path)
{
    try {
        load_snapshot(into, path);
        return {};
    } catch (std::exception const& failed) {
        return failed.what();
    }
}

// Everything but what is meant to change: revisions, whose leases, gauges, who holds what.
std::map<std::string, std::string> contents(segment const& at)
{
    std::map<std::string, std::string> out;
    auto const seen = look(at);
    for (std::uint32_t field = 0; field != seen.fields().size(); ++field) {
        auto const& described = seen.described().fields[field];
        int number = 0;
        if (described.kind == covey::field_kind::gauge ||
            described.kind == covey::field_kind::rate_limiter)
            continue;
        seen.for_each(field, [&](covey::field_entry const& one) {
            bool const numbered = described.kind != covey::field_kind::map;
            auto const key = numbered ? std::to_string(number++) : to_json(one.key);
            bool const held = described.kind == covey::field_kind::leader;
            out[described.name + " " + key] = to_json(held ? one.row["epoch"] : one.row);
        });
    }
    return out;
}

template <class Row>
struct one_map : covey::state
{
    covey::map<covey::text<16>, Row> rows{*this, "rows", covey::capacity{50}};
};

struct before
{
    std::uint32_t hits = 0;
    std::int64_t dropped = 0;
    covey::text<8> name{};
};
BOOST_DESCRIBE_STRUCT(before, (), (hits, dropped, name))

struct after
{
    covey::text<4> name{};
    std::uint64_t hits = 0;
    std::uint8_t added = 0;
};
BOOST_DESCRIBE_STRUCT(after, (), (name, hits, added))

} // namespace

TEST_CASE("what is saved comes back in a fresh segment, with later revisions")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    for (int run = 0; run != 5; ++run) {
        place here;
        covey::test::test_segment<every_kind> all{2};
        auto const one = all.join(0);
        auto const two = all.join(1);
        covey::test::write_at_random(one->view, random, 800);
        covey::test::write_at_random(two->view, random, 200);
        auto const saved = save_snapshot(look(all.memory), here.file);
        CHECK(saved.revision == all.memory.revision());
        CHECK(here.files() == 1);
        auto made = fresh<every_kind>();
        auto const loaded = load_snapshot(made, here.file);
        CHECK(loaded.left_out == 0);
        CHECK(loaded.rows == saved.rows);
        CHECK(loaded.notes.size() == 1);
        CHECK(told(loaded, "open: a gauge's shares end with their workers"));
        CHECK(contents(made) == contents(all.memory));
        CHECK(fsck(look(made)).empty());
        auto const seen = look(made);
        for (std::uint32_t field = 0; field != seen.fields().size(); ++field)
            seen.for_each(field, [&](covey::field_entry const& row) {
                bool const has = has_rows(seen.described().fields[field].kind);
                CHECK((!has || row.revision > saved.revision));
            });
        world<every_kind> again{std::move(made)};
        CHECK(again.me->view.visits.get() == one->view.visits.get());
        CHECK(again.me->view.sizes.get().counts() == one->view.sizes.get().counts());
        CHECK(again.me->view.slowest.get() == one->view.slowest.get());
        CHECK(again.me->view.fastest.get() == one->view.fastest.get());
        CHECK(again.me->view.boss.put({}).revision > saved.revision);
        CHECK(again.me->view.jobs.leased() == 0);
        CHECK_FALSE(again.me->view.chief.holder());
    }
}

TEST_CASE("values of any size are read from outside, and come back from a file")
{
    struct files : covey::state
    {
        covey::map<covey::text<8>, covey::string<2000>> pages{*this, "pages", covey::capacity{9}};
        covey::value<covey::blob<600>> photo{*this, "photo"};
    };
    place here;
    world<files> old{fresh<files>()};
    std::string const page(1999, 'p');
    std::vector<std::byte> const photo(300, std::byte{7});
    old.me->view.pages.put("a", page);
    old.me->view.pages.put("b", "");
    old.me->view.photo.put(photo);
    auto const seen = look(old.memory);
    CHECK(*seen.get(0, "a").entry.row.as<std::string>() == page);
    CHECK(seen.get(0, "c").result == covey::reading::missing);
    CHECK(*seen.get(1).entry.row.as<covey::row_value::bytes>() == photo);
    CHECK(fsck(seen).empty());
    save_snapshot(seen, here.file);
    auto made = fresh<files>();
    CHECK(load_snapshot(made, here.file).notes.empty());
    CHECK(contents(made) == contents(old.memory));
    CHECK(contents(made).size() == 3);
    world<files> next{std::move(made)};
    CHECK(next.me->view.pages.get("a") == page);
    CHECK(next.me->view.photo.get() == photo);
}

TEST_CASE("a row keeps what it has left to live, and a rate what it has granted")
{
    place here;
    covey::test::test_segment<every_kind> all{1};
    auto const me = all.join(0);
    auto const start = std::chrono::steady_clock::now();
    me->view.sessions.put(1, 1, covey::ttl{std::chrono::hours{1}});
    me->view.sessions.put(2, 2);
    while (me->view.logins.take().granted)
        ;
    save_snapshot(look(all.memory), here.file);
    world<every_kind> again{[&] {
        auto made = fresh<every_kind>();
        load_snapshot(made, here.file);
        return made;
    }()};
    auto const index = again.me->view.sessions.index();
    auto const lives = look(again.memory).get(index, "1").entry.lives;
    REQUIRE(lives);
    auto const elapsed = std::chrono::steady_clock::now() - start;
    CHECK(*lives > std::chrono::hours{1} - elapsed - std::chrono::seconds{1});
    CHECK(*lives <= std::chrono::hours{1});
    CHECK_FALSE(look(again.memory).get(index, "2").entry.lives);
    CHECK_FALSE(again.me->view.logins.take().granted);
}

TEST_CASE("a changed row loads what matches by name, and what became of the rest is told")
{
    place here;
    world<one_map<before>> old{fresh<one_map<before>>()};
    old.me->view.rows.put("a", {.hits = 7, .dropped = 9, .name = "four"});
    old.me->view.rows.put("b", {.hits = 8, .name = "too long"});
    save_snapshot(look(old.memory), here.file);
    auto made = fresh<one_map<after>>();
    auto const report = load_snapshot(made, here.file);
    CHECK(report.rows == 1);
    CHECK(report.left_out == 1);
    CHECK(told(report, "rows: member hits was u32 at byte 0 and is u64 at byte 8"));
    CHECK(told(report, "rows: member dropped is gone"));
    CHECK(told(report, "rows: member added is new"));
    CHECK(told(report, "rows: 1 row left out: member name: \"too long\" does not fit text<4>"));
    world<one_map<after>> next{std::move(made)};
    auto const row = next.me->view.rows.get("a");
    REQUIRE(row);
    CHECK(row->hits == 7);
    CHECK(row->name == covey::text<4>{"four"});
    CHECK(row->added == 0);
}

TEST_CASE("a field that is another one now, or gone, is left out and told; the others load")
{
    struct was : covey::state
    {
        covey::map<std::uint32_t, std::int64_t> ids{*this, "ids", covey::capacity{5}};
        covey::counter hits{*this, "hits"};
        covey::value<std::int64_t> gone{*this, "gone", 3};
        covey::value<std::int64_t> best{*this, "best", 3};
        covey::map<std::uint32_t, std::int64_t> few{*this, "few", covey::capacity{5}};
        covey::histogram sizes{*this, "sizes", {.highest = 100, .precision_bits = 5}};
    };
    struct is : covey::state
    {
        covey::map<std::uint64_t, std::int64_t> ids{*this, "ids", covey::capacity{5}};
        covey::gauge hits{*this, "hits"};
        covey::value<std::int8_t> best{*this, "best", 3};
        covey::map<std::uint32_t, std::int64_t> few{*this, "few", covey::capacity{2}};
        covey::histogram sizes{*this, "sizes", {.highest = 200, .precision_bits = 5}};
        covey::counter added{*this, "added"};
    };
    place here;
    world<was> old{fresh<was>()};
    old.me->view.ids.put(1, 2);
    old.me->view.hits.add(5);
    old.me->view.best.put(-100);
    old.me->view.sizes.record(7);
    for (std::uint32_t i = 0; i != 5; ++i)
        old.me->view.few.put(i, i);
    save_snapshot(look(old.memory), here.file);
    auto made = fresh<is>();
    auto const report = load_snapshot(made, here.file);
    CHECK(told(report, "ids: 1 row left out: its key was u32 and is u64"));
    CHECK(told(report, "hits: 1 row left out: it was a counter and is a gauge"));
    CHECK(told(report, "gone: 1 row left out: the state has no such field"));
    CHECK(told(report, "best: the row was i64 and is i8"));
    CHECK(told(report, "few: 3 rows left out: it is full"));
    CHECK(told(report, "sizes: 1 row left out: its scale was up to 100, 5 bits and is up to 200"));
    CHECK(told(report, "added: the file has no such field"));
    world<is> next{std::move(made)};
    CHECK(next.me->view.best.get() == -100);
    CHECK(next.me->view.few.size() == 2);
    CHECK(next.me->view.ids.size() == 0);
}

TEST_CASE("a file that is cut off, or changed in any byte, is refused and nothing is loaded")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    place here;
    covey::test::test_segment<every_kind> all{1};
    auto const me = all.join(0);
    covey::test::write_at_random(me->view, random, 300);
    save_snapshot(look(all.memory), here.file);
    std::ifstream in{here.file, std::ios::binary};
    std::string const whole{std::istreambuf_iterator<char>{in}, {}};
    auto const made = fresh<every_kind>();
    auto const untouched = contents(made);
    auto const other = (here.folder / "other").string();
    auto const write = [&](std::string const& bytes) {
        std::ofstream{other, std::ios::binary | std::ios::trunc} << bytes;
    };
    for (int i = 0; i != 300; ++i) {
        auto changed = whole;
        if (i % 3 == 0)
            changed.resize(random() % whole.size());
        else
            changed[random() % whole.size()] ^= static_cast<char>(1 << random() % 8);
        write(changed);
        CHECK(refused(made, other).find("nothing was loaded") != std::string::npos);
    }
    write("");
    CHECK(refused(made, other).find("no snapshot") != std::string::npos);
    CHECK(refused(made, here.folder / "missing").find("missing") != std::string::npos);
    CHECK(contents(made) == untouched);
    CHECK(made.revision() == 0);
    CHECK(refused(made, here.file).empty());
}

TEST_CASE("a segment that has workers already is not loaded into")
{
    place here;
    covey::test::test_segment<every_kind> all{1};
    save_snapshot(look(all.memory), here.file);
    CHECK_THROWS_AS(load_snapshot(all.memory, here.file), std::logic_error);
}

TEST_CASE("a snapshot that cannot be written leaves the one before, and no file beside it")
{
    place here;
    covey::test::test_segment<every_kind> all{1};
    CHECK_THROWS_AS(save_snapshot(look(all.memory), here.folder / "no" / "such"),
                    boost::system::system_error);
    std::filesystem::create_directory(here.file); // nothing is moved onto a folder
    CHECK_THROWS_AS(save_snapshot(look(all.memory), here.file), boost::system::system_error);
    CHECK(here.files() == 1);
}

TEST_CASE("a snapshot of a state at work has rows that were there, each whole")
{
    place here;
    struct twin : covey::state
    {
        covey::map<std::uint32_t, std::array<std::uint64_t, 8>> rows{*this, "rows",
                                                                     covey::capacity{64}};
        covey::queue<std::uint64_t> jobs{*this, "jobs", covey::capacity{16}};
    };
    world<twin> all{fresh<twin>()};
    all.memory.open_block(1, {.pid = ::getpid(), .id = 2, .generation = 1});
    for (std::uint64_t i = 0; i != 8; ++i)
        all.me->view.jobs.push(i);
    std::atomic<bool> done{false};
    std::thread writer{[&] {
        covey::test::member<twin> other{all.memory, 1, all.bells};
        for (std::uint64_t i = 0; !done; ++i) {
            std::array<std::uint64_t, 8> row;
            row.fill(i);
            other.view.rows.put(static_cast<std::uint32_t>(i % 48), row);
            if (i % 5 == 0)
                other.view.rows.erase(static_cast<std::uint32_t>(i % 16 + 48));
            if (auto const job = other.view.jobs.pop())
                other.view.jobs.give_back(*job);
            std::this_thread::sleep_for(std::chrono::microseconds{20});
        }
    }};
    for (int i = 0; i != 20; ++i) {
        save_snapshot(look(all.memory), here.file);
        auto const made = fresh<twin>();
        auto const report = load_snapshot(made, here.file);
        CHECK(report.left_out == 0);
        auto const seen = look(made);
        seen.for_each(0, [&](covey::field_entry const& one) {
            auto const& numbers = *one.row.as<covey::row_value::list>();
            for (auto const& number : numbers)
                CHECK(number == numbers[0]);
        });
        CHECK(seen.fields()[1].rows == 8);
    }
    done = true;
    writer.join();
}

TEST_CASE("what differs between a segment's schema and a program's is told member by member")
{
    auto const made = fresh<one_map<before>>();
    std::string what;
    try {
        segment::attach(made.lend(), one_map<after>{}.described());
    } catch (boost::system::system_error const& failed) {
        CHECK(failed.code() == covey::shm::error::schema_differs);
        what = failed.what();
    }
    CHECK(what.find("field rows: member hits was u32 at byte 0 and is u64 at byte 8\n") !=
          std::string::npos);
    CHECK(what.find("field rows: member dropped is gone\n") != std::string::npos);
    CHECK(what.find("field rows: member added is new\n") != std::string::npos);
}

} // namespace snapshot_test
