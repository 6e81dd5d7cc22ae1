// Values of any size: what they hold, how they make room, and that nothing of them is lost.
#include "support/catch.hpp"
#include "support/fsck_chunks.hpp"
#include "support/patterned.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <array>
#include <atomic>
#include <covey/shm/blob_map.hpp>
#include <covey/shm/blob_value.hpp>
#include <covey/shm/chunk_pool.hpp>
#include <covey/shm/expiry.hpp>
#include <covey/shm/inspect.hpp>
#include <map>
#include <random>
#include <thread>

namespace blob_test {

using namespace std::chrono_literals;
using covey::test::number_in;
using covey::test::patterned;

namespace {

constexpr std::size_t bound = 100'000;

struct pages : covey::state
{
    covey::map<covey::text<16>, covey::string<bound>> rows{*this, "rows", covey::capacity{8}};
    covey::map<std::uint32_t, covey::blob<1'000>> parts{*this, "parts", covey::capacity{300}};
    covey::value<covey::string<bound>> front{*this, "front"};
};

using cluster = covey::test::test_segment<pages>;

std::uint64_t in_use(covey::segment const& where, std::uint32_t field)
{
    return covey::shm::count_chunks_in_use(*where.memory(), where.memory()->places().fields[field]);
}

template <class Value>
Value bytes_of(std::string_view text)
{
    auto const bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

} // namespace

TEST_CASE("a value of any size is read as it was put")
{
    cluster all{2};
    auto const me = all.join(0);
    auto const other = all.join(1);
    auto& rows = me->view.rows;
    for (std::size_t const size : {0, 1, 7, 8, 9, 239, 240, 241, 480, 4'096, 99'999, 100'000}) {
        auto const wanted = std::string(size, 'x') + "";
        CHECK(rows.put("a", wanted).stored());
        CHECK(other->view.rows.get("a") == wanted);
        CHECK(me->view.front.put(wanted).stored());
        CHECK(other->view.front.get() == wanted);
        CHECK(in_use(all.memory, rows.index()) == (size + 239) / 240);
        CHECK(covey::test::fsck_chunks(all.memory, rows.index()).empty());
        CHECK(covey::test::fsck_chunks(all.memory, me->view.front.index()).empty());
    }
    CHECK(rows.put("b", patterned(7, 12'345)).stored());
    CHECK(number_in(*rows.get("b")) == 7);
    CHECK(rows.put("a", std::string(bound + 1, 'x')) == covey::put_result::too_long);
    CHECK(me->view.front.put(std::string(bound + 1, 'x')) == covey::put_result::too_long);
    CHECK(rows.get("nobody") == std::nullopt);
    CHECK(rows.size() == 2);
    CHECK(rows.erase("a") == covey::erase_result::erased);
    CHECK(rows.erase("b") == covey::erase_result::erased);
    CHECK(rows.erase("b") == covey::erase_result::missing);
    CHECK(in_use(all.memory, rows.index()) == 0);

    auto const part = bytes_of<std::vector<std::byte>>(patterned(1, 999));
    CHECK(me->view.parts.put(1, part).stored());
    CHECK(me->view.parts.get(1) == part);
}

TEST_CASE("a value is copied into a caller's buffer as far as it goes")
{
    cluster all{1};
    auto const me = all.join(0);
    auto const whole = patterned(3, 1'000);
    me->view.rows.put("a", whole);
    std::array<char, 2'000> large{};
    CHECK(me->view.rows.read("a", large) == 1'000);
    CHECK(std::string_view{large.data(), 1'000} == whole);
    std::array<char, 500> small{};
    CHECK(me->view.rows.read("a", small) == 1'000);
    CHECK(std::string_view{small.data(), 500} == whole.substr(0, 500));
    CHECK(me->view.rows.read("nobody", large) == std::nullopt);
    CHECK(me->view.front.read(large) == 0);
}

TEST_CASE("a value has the conditional verbs of a row")
{
    cluster all{1};
    auto const me = all.join(0);
    auto& rows = me->view.rows;
    CHECK(rows.replace("a", "1") == covey::put_result::missing);
    CHECK(rows.add("a", "1").stored());
    CHECK(rows.add("a", "2") == covey::put_result::exists);
    CHECK(rows.replace("a", "3").stored());
    auto const found = rows.find("a");
    REQUIRE(found);
    CHECK(found->row == "3");
    CHECK(rows.compare_and_set("a", found->revision + 1, "4") == covey::put_result::conflict);
    CHECK(rows.compare_and_set("a", found->revision, "4").stored());
    CHECK(rows.compare_and_set("b", 1, "4") == covey::put_result::missing);
    auto const twice = [](std::optional<std::string> const& now) {
        return now ? std::optional{*now + *now} : std::nullopt;
    };
    CHECK(rows.update("a", twice).stored());
    CHECK(rows.get("a") == "44");
    CHECK(rows.update("b", twice) == covey::put_result::unchanged);
    CHECK(rows.update("b", [](auto const&) { return std::string(bound + 1, 'x'); }) ==
          covey::put_result::too_long);
    CHECK_THROWS_AS(rows.update("a", [](auto const&) -> std::string { throw 1; }), int);
    CHECK(rows.get("a") == "44");
    CHECK_THROWS_AS(rows.touch("a", 1s), std::logic_error); // not a map that expires
    CHECK(rows.contains("a"));
    CHECK_FALSE(rows.contains("b"));
    CHECK(covey::test::fsck_chunks(all.memory, rows.index()).empty());

    auto& front = me->view.front;
    CHECK(front.get().empty());
    CHECK(front.compare_and_set(0, "first").stored());
    CHECK(front.compare_and_set(0, "second") == covey::put_result::conflict);
    CHECK(front.update([](std::string const& now) { return now + "!"; }).stored());
    CHECK(front.get() == "first!");
    CHECK(covey::test::fsck_chunks(all.memory, front.index()).empty());
}

TEST_CASE("a change of a value is told with its bytes, once")
{
    cluster all{2};
    auto const me = all.join(0);
    auto const other = all.join(1);
    covey::subscription changes{other->who};
    std::vector<std::pair<std::string, std::optional<std::string>>> told;
    changes.on_change(
        other->view.rows,
        [&](auto const& one) { told.emplace_back(std::string{one.key}, one.after); },
        covey::test::every_change);
    std::vector<std::string> front;
    changes.on_change(
        other->view.front,
        [&](auto const& one) {
            if (one.after)
                front.push_back(*one.after);
        },
        covey::test::every_change);
    me->view.rows.put("a", patterned(1, 5'000));
    me->view.front.put("hello");
    changes.dispatch();
    me->view.rows.put("a", patterned(2, 3'000)); // folds into the next
    me->view.rows.put("a", "");
    changes.dispatch();
    me->view.rows.erase("a");
    changes.dispatch();
    changes.dispatch();
    using entry = std::pair<std::string, std::optional<std::string>>;
    CHECK(told == std::vector<entry>{
                      {"a", patterned(1, 5'000)}, {"a", std::string{}}, {"a", std::nullopt}});
    CHECK(front == std::vector<std::string>{"hello"});

    me->view.rows.put("b", patterned(9, 700));
    for (int i = 0; i != 5'000; ++i) // more than a ring holds
        me->view.front.put("bye");
    told.clear();
    front.clear();
    changes.dispatch();
    CHECK(changes.resyncs() == 1);
    CHECK((!front.empty() && front.back() == "bye"));
    CHECK(std::find(told.begin(), told.end(), entry{"b", patterned(9, 700)}) != told.end());
}

namespace {

struct crowded : covey::state
{
    // Room for 40 chunks; two values at their bound are 2 x 10.
    covey::map<std::uint32_t, covey::string<2'400>> rows{*this, "rows", covey::capacity{30},
                                                         covey::room{40 * 256}};
    covey::map<std::uint32_t, covey::string<2'400>> cache{
        *this,
        "cache",
        covey::capacity{30},
        covey::room{40 * 256},
        {.expires = true, .full = covey::when_full::evict}};
};

} // namespace

TEST_CASE("a pool without room for a value says full and changes nothing")
{
    covey::test::test_segment<crowded> all{1};
    auto const me = all.join(0);
    auto& rows = me->view.rows;
    for (std::uint32_t i = 0; i != 4; ++i)
        CHECK(rows.put(i, patterned(i, 2'400)).stored());
    CHECK(rows.put(9, "x") == covey::put_result::full);
    CHECK(rows.put(0, "x") == covey::put_result::full); // the next comes before the last goes
    CHECK(rows.put(9, "").stored());                    // takes none
    CHECK(number_in(*rows.get(0)) == 0);
    CHECK(covey::test::fsck_chunks(all.memory, rows.index()).empty());
    CHECK(rows.erase(2) == covey::erase_result::erased);
    CHECK(rows.put(0, patterned(5, 2'000)).stored());
    CHECK(number_in(*rows.get(0)) == 5);
    CHECK(covey::test::fsck_chunks(all.memory, rows.index()).empty());
}

TEST_CASE("a map that evicts makes room for chunks, too")
{
    covey::test::test_segment<crowded> all{1};
    auto const me = all.join(0);
    auto& cache = me->view.cache;
    covey::subscription changes{me->who};
    std::size_t evictions = 0;
    changes.on_change(
        cache, [&](auto const& one) { evictions += one.kind == covey::change_kind::evict; },
        covey::test::every_change);
    for (std::uint32_t i = 0; i != 30; ++i)
        CHECK(cache.put(i, patterned(i, 240)).stored());
    auto const done = cache.put(50, patterned(50, 2'400)); // 30 + 10: fits
    CHECK((done.stored() && done.evicted == 1));           // but for its row
    CHECK(cache.put(51, patterned(51, 2'400)).evicted >= 1);
    CHECK(number_in(*cache.get(51)) == 51);
    for (std::uint32_t i = 0; i != 200; ++i) {
        CHECK(cache.put(i % 7, patterned(i, 8 + i * 97 % 2'390)).stored());
        CHECK(number_in(*cache.get(i % 7)) == i);
    }
    CHECK(covey::test::fsck_chunks(all.memory, cache.index()).empty());
    changes.dispatch();
    CHECK(evictions > 1);
}

TEST_CASE("a value whose time is over is not there, and its chunks come back")
{
    covey::test::test_segment<crowded> all{1};
    auto const me = all.join(0);
    auto& cache = me->view.cache;
    CHECK(cache.put(1, patterned(1, 1'000), 1ns).stored());
    CHECK(cache.put(2, patterned(2, 1'000), 1ns).stored());
    CHECK(cache.touch(2, 1h).stored());
    CHECK(covey::test::fsck_chunks(all.memory, cache.index()).empty());
    auto const then = covey::shm::coarse_now();
    covey::test::wait_until([&] { return covey::shm::coarse_now() > then + 1; });
    CHECK(cache.get(1) == std::nullopt);
    CHECK(number_in(*cache.get(2)) == 2);
    CHECK(cache.expire() == 1);
    CHECK(in_use(all.memory, cache.index()) == 5);
    CHECK(covey::test::fsck_chunks(all.memory, cache.index()).empty());
}

TEST_CASE("a room that two values do not fit into is refused with the number that it needs")
{
    struct narrow : covey::state
    {
        covey::map<std::uint32_t, covey::string<2'400>> rows{*this, "rows", covey::capacity{30},
                                                             covey::room{19 * 256}};
    };
    CHECK_THROWS_WITH(covey::test::test_segment<narrow>{1},
                      Catch::Contains("field rows") && Catch::Contains("5120"));
}

TEST_CASE("the schema tells a value's bound and the room of all")
{
    CHECK(crowded{}.described().text() ==
          "map rows u32 -> string<2400>, capacity 30, room 10240\n"
          "map cache u32 -> string<2400>, capacity 30, room 10240, expires, evicts\n");
    CHECK(pages{}.described().fields[1].row_type == "blob<1000>");
    CHECK(pages{}.described().fields[2].room == 2 * 417 * 256);
}

TEST_CASE("a tool reads values of any size by what the segment says of itself")
{
    auto const text = pages{}.described().text();
    CHECK(covey::schema::parse(text).text() == text);
    CHECK(covey::schema::parse(crowded{}.described().text()).text() ==
          crowded{}.described().text());
    CHECK_THROWS_AS(covey::schema::parse("value a string<0>, room 512\n"), std::invalid_argument);
    CHECK_THROWS_AS(covey::schema::parse("value a string<9>\n"), std::invalid_argument);
    CHECK_THROWS_AS(covey::schema::parse("queue a string<9>, capacity 3\n"), std::invalid_argument);

    cluster all{1};
    auto const me = all.join(0);
    me->view.rows.put("a", patterned(4, 3'000));
    me->view.front.put("");
    auto const part = bytes_of<std::vector<std::byte>>("bytes");
    me->view.parts.put(7, part);
    auto const seen = covey::inspect::open(all.memory.lend_read_only());
    auto const found = seen.get(0, "a");
    REQUIRE(found.result == covey::reading::found);
    CHECK(*found.entry.row.as<std::string>() == patterned(4, 3'000));
    CHECK(found.entry.revision == me->view.rows.find("a")->revision);
    CHECK(*seen.get(1, "7").entry.row.as<covey::row_value::bytes>() == part);
    CHECK(seen.get(2).entry.row.as<std::string>()->empty());
    CHECK(seen.get(0, "b").result == covey::reading::missing);
    std::size_t rows = 0;
    CHECK(seen.for_each(0, [&](auto const& one) {
        rows += one.row.template as<std::string>()->size();
    }) == 0);
    CHECK(rows == 3'000);
}

TEST_CASE("values behave as a std::map of strings does")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    covey::test::test_segment<crowded> all{2};
    std::array const members{all.join(0), all.join(1)};
    std::map<std::uint32_t, std::string> model;
    std::uint64_t used = 0;
    auto const chunks = [](std::string const& value) { return (value.size() + 239) / 240; };
    for (int i = 0; i != 20'000; ++i) {
        auto& rows = members[random() % 2]->view.rows;
        auto const key = static_cast<std::uint32_t>(random() % 40);
        auto const known = model.find(key);
        if (random() % 4 == 0) {
            CHECK((rows.erase(key) == covey::erase_result::erased) == (known != model.end()));
            if (known != model.end()) {
                used -= chunks(known->second);
                model.erase(known);
            }
        } else {
            auto const next = patterned(random(), 8 + random() % 700);
            bool const fits =
                used + chunks(next) <= 40 && (known != model.end() || model.size() < 30);
            CHECK(rows.put(key, next).stored() == fits);
            if (fits) {
                used += chunks(next) - (known == model.end() ? 0 : chunks(known->second));
                model[key] = next;
            }
        }
        auto const asked = static_cast<std::uint32_t>(random() % 40);
        auto const wanted = model.find(asked);
        CHECK(rows.get(asked) ==
              (wanted == model.end() ? std::nullopt : std::optional{wanted->second}));
    }
    std::map<std::uint32_t, std::string> found;
    members[0]->view.rows.for_each([&](auto key, auto const& row, auto) { found[key] = row; });
    CHECK(found == model);
    CHECK(covey::test::fsck_chunks(all.memory, members[0]->view.rows.index()).empty());
}

TEST_CASE("readers of large values that change fast never see a mixture", "[threads]")
{
#ifdef __SANITIZE_THREAD__
    constexpr int writes = 300;
#else
    constexpr int writes = 2'000;
#endif
    cluster all{4};
    std::atomic<bool> over{false};
    std::atomic<int> mixtures{0};
    std::atomic<int> reads{0};
    std::vector<std::thread> threads;
    for (std::uint32_t block = 0; block != 2; ++block)
        threads.emplace_back([&, block] {
            auto const me = all.join(block);
            std::mt19937_64 random{block};
            for (int i = 0; i != writes; ++i) {
                auto const next = patterned(random(), 8 + random() % 40'000);
                me->view.rows.put(i % 3 == 0 ? "a" : "b", next);
                me->view.front.put(next);
                if (i % 16 == 0)
                    me->view.rows.erase("b");
            }
        });
    for (std::uint32_t block = 2; block != 4; ++block)
        threads.emplace_back([&, block] {
            auto const me = all.join(block);
            while (!over) {
                for (auto const* const key : {"a", "b"})
                    if (auto const found = me->view.rows.get(key); found && !number_in(*found))
                        ++mixtures;
                if (auto const found = me->view.front.get(); !found.empty() && !number_in(found))
                    ++mixtures;
                me->view.rows.for_each(
                    [&](auto const&, auto const& row, auto) { mixtures += !number_in(row); });
                ++reads;
            }
        });
    threads[0].join();
    threads[1].join();
    over = true;
    threads[2].join();
    threads[3].join();
    CHECK(mixtures == 0);
    CHECK(reads > 0);
    auto const me = all.join(0);
    CHECK(covey::test::fsck_chunks(all.memory, me->view.rows.index()).empty());
    CHECK(covey::test::fsck_chunks(all.memory, me->view.front.index()).empty());
}

TEST_CASE("writers of one pool on several shards share its chunks and lose none", "[threads]")
{
    struct scarce : covey::state
    {
        covey::map<std::uint32_t, covey::string<2'400>> rows{*this,
                                                             "rows",
                                                             covey::capacity{512}, // eight shards
                                                             covey::room{200 * 256},
                                                             {.full = covey::when_full::evict}};
    };
    covey::test::test_segment<scarce> all{4};
    std::vector<std::thread> threads;
    std::atomic<int> mixtures{0};
    std::atomic<int> stored{0};
    for (std::uint32_t block = 0; block != 4; ++block)
        threads.emplace_back([&, block] {
            auto const me = all.join(block);
            std::mt19937_64 random{block};
            for (int i = 0; i != 3'000; ++i) {
                auto const key = static_cast<std::uint32_t>(random() % 600);
                stored +=
                    me->view.rows.put(key, patterned(random(), 8 + random() % 2'390)).stored();
                if (auto const found = me->view.rows.get(key); found && !number_in(*found))
                    ++mixtures;
            }
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(mixtures == 0);
    CHECK(stored > 6'000);
    CHECK(covey::test::fsck_chunks(all.memory, all.join(0)->view.rows.index()).empty());
}

TEST_CASE("a chain that leads anywhere makes a reader neither stray nor run on")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    covey::test::test_segment<crowded> all{1};
    auto const me = all.join(0);
    auto const& memory = *all.memory.memory();
    auto const& field = memory.places().fields[me->view.rows.index()];
    for (std::uint32_t i = 0; i != 10; ++i)
        me->view.rows.put(i, patterned(i, 700));
    for (int i = 0; i != 500; ++i) {
        auto const number = random() % field.chunks;
        auto& chunk = memory.at<covey::shm::chunk_head>(field.pool + number * 256);
        chunk.next.store(random() % 2 != 0 ? random() : random() % 45);
        if (random() % 2 != 0)
            chunk.owner.store(random());
        auto const key = static_cast<std::uint32_t>(random() % 10);
        auto const found = me->view.rows.get(key);
        CHECK((!found || found->size() <= 2'400));
        me->view.rows.put(key, patterned(1, 8 + random() % 700));
        me->view.rows.erase(static_cast<std::uint32_t>(random() % 10));
    }
}

} // namespace blob_test
