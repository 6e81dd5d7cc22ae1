// Maps, one call at a time: what each verb does, and what it leaves in shared memory.
#include "support/catch.hpp"
#include "support/memory_image.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"

#include <algorithm>
#include <boost/describe/class.hpp>
#include <covey/shm/arena.hpp>
#include <covey/shm/blob_map.hpp>
#include <covey/shm/link.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/text.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace map_test {

namespace {

struct member_row
{
    covey::text<20> name{};
    std::uint8_t level = 0;
    std::int64_t joined = 0;
    friend bool operator==(member_row const&, member_row const&) = default;
};
BOOST_DESCRIBE_STRUCT(member_row, (), (name, level, joined))

struct players : covey::state
{
    covey::map<covey::text<16>, std::int64_t> scores{*this, "scores", covey::capacity{100}};
    covey::map<std::uint32_t, member_row> members{*this, "members", covey::capacity{1000}};
    covey::map<covey::text<16>, covey::string<100>> notes{*this, "notes", covey::capacity{10}};
};

using cluster = covey::test::test_segment<players>;
using covey::erase_result;
using covey::put_result;

} // namespace

TEST_CASE("a row that one process puts is read by another, byte for byte, with the same revision")
{
    cluster both{2};
    auto const one = both.join(0);
    member_row const row{.name = std::string("a\0b", 3), .level = 255, .joined = -1};
    auto const put = one->view.members.put(9, row);
    REQUIRE(put == put_result::stored);
    auto const child = ::fork();
    if (child == 0) {
        auto const mapping = both.attach(); // at another address
        covey::test::member<players> two{mapping, 1, both.bells};
        auto const found = two.view.members.find(9);
        bool const same = found && found->row == row && found->revision == put.revision;
        bool const answered = two.view.members.put(10, row).revision == put.revision + 1;
        ::_exit(same && answered && two.view.members.size() == 2 ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK(one->view.members.get(10) == row);
    CHECK(one->view.members.find(10)->revision == put.revision + 1);
}

TEST_CASE("a key that nobody put is missing for every verb, and nothing is announced")
{
    cluster one{1};
    auto const me = one.join(0);
    covey::subscription changes{me->who};
    int told = 0;
    changes.on_change(
        me->view.scores, [&](auto const&) { ++told; }, covey::test::every_change);
    auto& scores = me->view.scores;
    CHECK_FALSE(scores.get("nobody"));
    CHECK(scores.replace("nobody", 5) == put_result::missing);
    CHECK(scores.compare_and_set("nobody", 1, 5) == put_result::missing);
    CHECK(scores.erase("nobody") == erase_result::missing);
    CHECK(scores.update("nobody", [](auto const& now) { return now; }) == put_result::unchanged);
    CHECK(changes.dispatch() == 0);
    CHECK(told == 0);
    CHECK(one.memory.revision() == 0);
    REQUIRE(scores.put("somebody", 1).stored());
    CHECK(scores.replace("somebody", 2).stored());
    CHECK(scores.get("somebody") == 2);
}

TEST_CASE("add stores only when there is no row and changes no revision otherwise")
{
    cluster one{1};
    auto const me = one.join(0);
    auto const first = me->view.scores.add("a", 1);
    CHECK(first == put_result::stored);
    auto const second = me->view.scores.add("a", 2);
    CHECK(second == put_result::exists);
    CHECK(second.revision == first.revision);
    CHECK(me->view.scores.get("a") == 1);
    CHECK(one.memory.revision() == first.revision);
}

TEST_CASE("compare-and-set stores on the right revision and tells the current one on a stale one")
{
    cluster one{1};
    auto const me = one.join(0);
    auto const first = me->view.scores.put("a", 1);
    auto const second = me->view.scores.compare_and_set("a", first.revision, 2);
    CHECK(second == put_result::stored);
    auto const stale = me->view.scores.compare_and_set("a", first.revision, 3);
    CHECK(stale == put_result::conflict);
    CHECK(stale.revision == second.revision);
    CHECK(me->view.scores.get("a") == 2);
}

TEST_CASE("an erased row is missing for everybody and a second erase finds nothing")
{
    cluster all{3};
    std::array const members{all.join(0), all.join(1), all.join(2)};
    auto const put = members[0]->view.scores.put("a", 1);
    auto const gone = members[1]->view.scores.erase("a");
    CHECK(gone == erase_result::erased);
    CHECK(gone.revision == put.revision + 1);
    for (auto const& one : members) {
        CHECK_FALSE(one->view.scores.get("a"));
        CHECK_FALSE(one->view.scores.contains("a"));
        CHECK(one->view.scores.erase("a") == erase_result::missing);
        CHECK(one->view.scores.size() == 0);
    }
    CHECK(all.memory.revision() == gone.revision);
}

TEST_CASE("an update sees the row as it is and may leave it")
{
    cluster one{1};
    auto const me = one.join(0);
    auto const add = [&](std::int64_t much) {
        return me->view.scores.update("a", [=](std::optional<std::int64_t> const& now) {
            return std::optional{now.value_or(0) + much};
        });
    };
    CHECK(add(5) == put_result::stored);
    CHECK(add(-2) == put_result::stored);
    CHECK(me->view.scores.get("a") == 3);
    auto const kept =
        me->view.scores.update("a", [](auto const&) { return std::optional<std::int64_t>{}; });
    CHECK(kept == put_result::unchanged);
    CHECK_THROWS_AS(me->view.scores.update("a",
                                           [](auto const&) -> std::optional<std::int64_t> {
                                               throw std::runtime_error{"no"};
                                           }),
                    std::runtime_error);
    CHECK(me->view.scores.get("a") == 3);
    CHECK(add(1) == put_result::stored); // the lock was given back
}

TEST_CASE("a key or a value that is too long is refused before a shared byte is another")
{
    cluster one{1};
    auto const me = one.join(0);
    auto& scores = me->view.scores;
    auto& notes = me->view.notes;
    REQUIRE(scores.put(std::string(16, 'x'), 1).stored());
    REQUIRE(notes.put("a", std::string(100, 'x')).stored());
    covey::test::memory_image before{one.memory};
    std::string const longer(17, 'x');
    CHECK(scores.put(longer, 1) == put_result::too_long);
    CHECK(scores.add(longer, 1) == put_result::too_long);
    CHECK(scores.replace(longer, 1) == put_result::too_long);
    CHECK(scores.compare_and_set(longer, 1, 1) == put_result::too_long);
    CHECK(scores.update(longer, [](auto const&) { return std::optional<std::int64_t>{1}; }) ==
          put_result::too_long);
    CHECK_FALSE(scores.get(longer));
    CHECK(scores.erase(longer) == erase_result::missing);
    CHECK(notes.put("a", std::string(101, 'y')) == put_result::too_long);
    CHECK(notes.add("b", std::string(101, 'y')) == put_result::too_long);
    CHECK(notes.put(longer, "y") == put_result::too_long);
    CHECK(before.is_current());
    CHECK(scores.put(std::string(16, 'x'), 2).stored());
    CHECK_FALSE(before.is_current());
}

namespace {

// Keys as programs have them, in a row: where they begin, how far they are apart, their first
// letters; or anything.
std::set<std::string> some_keys(std::mt19937_64& random, std::size_t count)
{
    std::set<std::string> out;
    auto const form = random() % 4;
    auto const start = random() % 100'000;
    auto const step = 1 + random() % 64;
    for (std::uint64_t i = 0; out.size() != count; ++i)
        switch (form) {
        case 0:
            out.insert(std::to_string(start + i * step));
            break;
        case 1:
            out.insert("user:" + std::to_string(start + i));
            break;
        case 2:
            out.insert(std::string(i % 16, static_cast<char>('a' + i / 16 % 26)));
            break;
        default:
            out.insert(std::to_string(random() % 1'000'000'000'000'000));
        }
    return out;
}

} // namespace

TEST_CASE("a map for N rows holds N rows whatever the keys, and says full for one more")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    cluster one{1};
    auto const me = one.join(0);
    auto& scores = me->view.scores;
    auto& secret = one.memory.memory()->head().secret;
    for (int set = 0; set != 1'000; ++set) {
        secret = random(); // nobody chooses it: another one is another set of buckets
        auto const keys = some_keys(random, 100);
        for (auto const& key : keys)
            REQUIRE(scores.put(key, 1) == put_result::stored);
        REQUIRE(scores.put("one more", 1) == put_result::full);
        REQUIRE(scores.update("one more", [](auto const&) {
            return std::optional<std::int64_t>{1};
        }) == put_result::full);
        REQUIRE(scores.put(*keys.begin(), 2) == put_result::stored); // an update needs no room
        REQUIRE(scores.size() == 100);
        for (auto const& key : keys)
            REQUIRE(scores.erase(key) == erase_result::erased);
        REQUIRE(scores.size() == 0);
    }
}

TEST_CASE("a long random history leaves what a std::map would hold")
{
    auto const seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random{seed};
    cluster one{1};
    auto const me = one.join(0);
    auto& members = me->view.members;
    std::map<std::uint32_t, member_row> model;
    for (int step = 0; step != 20'000; ++step) {
        std::uint32_t const key = random() % 1500;
        member_row const row{.name = std::to_string(step),
                             .level = static_cast<std::uint8_t>(random()),
                             .joined = step};
        if (random() % 3 == 0) {
            bool const was = model.erase(key) == 1;
            REQUIRE((members.erase(key) == erase_result::erased) == was);
        } else {
            bool const room = model.contains(key) || model.size() < 1000;
            REQUIRE(members.put(key, row) == (room ? put_result::stored : put_result::full));
            if (room)
                model[key] = row;
        }
    }
    std::map<std::uint32_t, member_row> seen;
    members.for_each([&](std::uint32_t key, member_row const& row, std::uint64_t) {
        REQUIRE(seen.emplace(key, row).second);
    });
    CHECK(seen == model);
    CHECK(members.size() == model.size());
}

TEST_CASE("padding and the unused rest of a row are zero in shared memory")
{
    cluster one{1};
    auto const me = one.join(0);
    member_row noisy; // every byte of it, padding too
    std::memset(static_cast<void*>(&noisy), 0xff, sizeof noisy);
    noisy.name = "n";
    noisy.level = 1;
    noisy.joined = 2;
    REQUIRE(me->view.members.put(1, noisy).stored());
    REQUIRE(me->view.members.put(1, noisy).stored()); // into the other slot
    auto const& memory = *one.memory.memory();
    auto const* const from = &memory.at<unsigned char>(0);
    // What the segment has random by itself: the hash secret.
    auto const secret = reinterpret_cast<unsigned char const*>(&memory.head().secret) - from;
    auto const& field = memory.places().fields[me->view.members.index()];
    auto const rings_end = memory.places().fields[0].subscribers;
    auto const noise = [&](std::uint64_t begin, std::uint64_t end) {
        return std::count(from + begin, from + end, 0xff);
    };
    CHECK(noise(0, static_cast<std::uint64_t>(secret)) == 0);
    CHECK(noise(memory.places().rings, rings_end) == 0); // rows travel in changes
    CHECK(noise(field.cells, field.cells + field.capacity * field.cell_bytes) == 0);

    // And what is there is the row: it was looked for in the right place.
    std::array<std::uint64_t, covey::detail::words_of<member_row>> words{};
    covey::detail::to_words(noisy, words.data());
    auto const* const bytes = reinterpret_cast<unsigned char const*>(words.data());
    auto const* const end = from + field.cells + field.capacity * field.cell_bytes;
    auto const* const first = std::search(from + field.cells, end, bytes, bytes + sizeof words);
    REQUIRE(first != end);
    CHECK(std::search(first + 1, end, bytes, bytes + sizeof words) != end);
}

TEST_CASE("a visit of all rows holds no lock: whoever is visited may write everywhere")
{
    cluster both{2};
    auto const reader = both.join(0);
    auto const writer = both.join(1);
    auto& rows = writer->view.members;
    for (std::uint32_t key = 0; key != 500; ++key)
        REQUIRE(rows.put(key, {.joined = key}).stored());
    auto const shards = both.memory.memory()->places().fields[rows.index()].shard_count;
    REQUIRE(shards > 4);
    std::set<std::uint32_t> seen;
    reader->view.members.for_each([&](std::uint32_t key, member_row const&, auto) {
        CHECK(seen.insert(key).second);
        if (seen.size() > 20)
            return;
        for (std::uint32_t i = 0; i != 100; ++i) { // rows of every shard
            REQUIRE(rows.put(i, {.joined = 1'000}).stored());
            REQUIRE(rows.put(500 + i, {.joined = 1}).stored());
            REQUIRE(rows.erase(500 + i) == erase_result::erased);
        }
    });
    for (std::uint32_t key = 0; key != 500; ++key)
        CHECK(seen.contains(key));
}

} // namespace map_test
