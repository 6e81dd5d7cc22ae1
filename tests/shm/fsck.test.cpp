// fsck: that a state at rest and a state at work are clean, that a damaged one is not, and that no
// damage holds it up.
#include "support/catch.hpp"
#include "support/every_kind.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"

#include <atomic>
#include <covey/shm/arena.hpp>
#include <covey/shm/fsck.hpp>
#include <covey/shm/inspect.hpp>
#include <covey/shm/link.hpp>
#include <iostream>
#include <thread>

namespace fsck_test {

namespace {

using covey::shm::word;
using covey::test::every_kind;
using cluster = covey::test::test_segment<every_kind>;

std::string first_finding(cluster const& all)
{
    auto const found = fsck(covey::inspect::open(all.memory.lend_read_only()));
    return found.empty() ? std::string{} : found.front().what;
}

bool holds(std::string const& text, std::string const& part)
{
    return text.find(part) != std::string::npos;
}

// Cells that are linked, by number.
std::vector<std::uint64_t> linked_cells(covey::shm::arena const& memory,
                                        covey::shm::field_plan const& field)
{
    std::vector<std::uint64_t> out;
    for (std::uint64_t bucket = 0; bucket != std::uint64_t{1} << field.bucket_bits; ++bucket)
        for (covey::shm::link next{memory.bucket(field, bucket).load()}; !next.empty();
             next.word =
                 memory.at<covey::shm::cell_head>(memory.cell_offset(field, next.cell())).next)
            out.push_back(next.cell());
    return out;
}

// Changes a word, looks, and puts it back.
std::string finding_after(cluster const& all, word& where, std::uint64_t flip)
{
    where.fetch_xor(flip);
    auto const out = first_finding(all);
    where.fetch_xor(flip);
    REQUIRE(first_finding(all) == "");
    return out;
}

} // namespace

TEST_CASE("random states are clean, whoever died")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    for (int run = 0; run != 5; ++run) {
        cluster all{3};
        auto const one = all.join(0);
        auto two = all.join(1);
        for (int round = 0; round != 4; ++round) {
            covey::test::write_at_random(one->view, random, 200);
            covey::test::write_at_random(two->view, random, 100);
            REQUIRE(first_finding(all) == "");
            two.reset();
            REQUIRE(all.memory.reap_block(1, all.bells));
            REQUIRE(first_finding(all) == "");
            all.memory.open_block(1, {.pid = ::getpid(), .id = 9, .generation = 1});
            two = all.join(1);
        }
    }
}

TEST_CASE("a bit that is flipped in what holds a map together is found, and where")
{
    cluster all{2};
    auto const me = all.join(0);
    for (int i = 0; i != 100; ++i)
        me->view.people.put("k" + std::to_string(i), {.name = "x", .age = 3});
    auto const& memory = *all.memory.memory();
    auto const& field = memory.places().fields[me->view.people.index()];
    auto const cells = linked_cells(memory, field);
    REQUIRE(cells.size() == 100);
    for (std::size_t i = 0; i < cells.size(); i += 9) {
        auto const offset = memory.cell_offset(field, cells[i]);
        auto& head = memory.at<covey::shm::cell_head>(offset);
        auto const name = "cell " + std::to_string(cells[i]);
        auto const slot = reinterpret_cast<std::byte*>(memory.slot(offset, field, head.generation));
        auto& key = *reinterpret_cast<word*>(slot + 8);
        CHECK(holds(finding_after(all, key, 1 << 16), name + ": its key does not belong"));
        auto& revision = *reinterpret_cast<word*>(slot);
        CHECK(holds(finding_after(all, revision, std::uint64_t{1} << 60), name + ": its revision"));
        auto& padding = *reinterpret_cast<word*>(slot + 8 + 24 + 48); // its last byte is
        CHECK(holds(finding_after(all, padding, std::uint64_t{1} << 57),
                    name + ": its row is none of its type"));
        auto& length = *reinterpret_cast<word*>(slot + 8 + 24);
        CHECK(holds(finding_after(all, length, 1 << 14), name + ": its row is none of its type"));
        CHECK(finding_after(all, head.next, 7) != "");
        auto const owner = head.owner.exchange(0);
        CHECK(holds(first_finding(all), name + ": it is linked and free"));
        head.owner = owner;
    }
    auto& shard = memory.shard(field, 0);
    CHECK(holds(finding_after(all, shard.rows, 1), "people, shard 0: it counts"));
    std::uint64_t free = 0;
    while (std::find(cells.begin(), cells.end(), free) != cells.end())
        ++free;
    auto& hints = memory.at<word>(field.free_hints + free / 64 * 8);
    CHECK(holds(finding_after(all, hints, std::uint64_t{1} << free % 64),
                "cell " + std::to_string(free) + ": it is free and nobody will find it"));
    auto& nobody = memory.at<covey::shm::cell_head>(memory.cell_offset(field, free)).owner;
    CHECK(holds(finding_after(all, nobody, 1), "cell " + std::to_string(free) + ": it is lost"));
}

TEST_CASE("a bucket whose link is flipped is found in every bit that leads elsewhere")
{
    cluster all{1};
    auto const me = all.join(0);
    for (int i = 0; i != 200; ++i)
        me->view.people.put("k" + std::to_string(i), {});
    auto const& memory = *all.memory.memory();
    auto const& field = memory.places().fields[me->view.people.index()];
    int linked = 0;
    int flipped = 0;
    for (std::uint64_t bucket = 0; bucket < std::uint64_t{1} << field.bucket_bits; ++bucket) {
        auto& link = memory.bucket(field, bucket);
        if (link == 0 || linked++ % 13 != 0) // every 13th that leads anywhere, whatever the hash
            continue;
        for (int bit = 0; bit < 64; bit += 5, ++flipped)
            CHECK(finding_after(all, link, std::uint64_t{1} << bit) != "");
    }
    CHECK(flipped > 100);
}

TEST_CASE("a queue, a ring and the changes that are damaged are found")
{
    cluster all{2};
    auto const me = all.join(0);
    for (int i = 0; i != 6; ++i) {
        me->view.jobs.push({});
        me->view.trail.append({});
    }
    auto const job = me->view.jobs.pop();
    REQUIRE(job);
    REQUIRE(first_finding(all) == "");
    auto const& memory = *all.memory.memory();
    auto const& field = memory.places().fields[me->view.jobs.index()];
    auto& lease = memory.at<word>(field.leases + job->cell * 8);
    CHECK(holds(finding_after(all, lease, std::uint64_t{1} << 48), "jobs, shard 0, cell "));
    CHECK(holds(finding_after(all, lease, std::uint64_t{4} << 48), "which is nobody's"));
    auto& ends = memory.at<covey::shm::queue_block>(field.ends);
    CHECK(holds(finding_after(all, ends.last, 2), "it is the last one and is not said to be"));
    CHECK(holds(finding_after(all, memory.shard(field, 0).rows, 4), "it counts"));
    CHECK(holds(finding_after(all, memory.bucket(field, 0), 1 << 20), "which there is not"));
    auto const& ring = memory.places().fields[me->view.trail.index()];
    auto& second = *reinterpret_cast<word*>(memory.lane_entry(ring, 0, 1));
    CHECK(holds(finding_after(all, second, std::uint64_t{1} << 40), "the order of revisions"));
    auto& record = memory.at<word>(memory.places().record_offset(0, 2) + 8);
    CHECK(holds(finding_after(all, record, std::uint64_t{1} << 40), "which is yet to come"));
    CHECK(holds(finding_after(all, memory.block(0).ring_claimed, 64), "block 0: it has claimed"));
    me->view.chief.run();
    auto const& chief = memory.places().fields[me->view.chief.index()];
    CHECK(holds(finding_after(all, memory.at<word>(chief.shared_word), 1 << 8), "which there is"));
}

TEST_CASE("a state at work is clean at every look")
{
    cluster all{3};
    std::atomic<bool> done{false};
    std::vector<std::thread> workers;
    for (std::uint32_t block = 0; block != 2; ++block)
        workers.emplace_back([&, block] {
            auto const me = all.join(block);
            std::mt19937_64 random{block};
            while (!done)
                covey::test::write_at_random(me->view, random, 100);
        });
    auto const seen = covey::inspect::open(all.memory.lend_read_only());
    for (int look = 0; look != 30; ++look) {
        auto const found = fsck(seen);
        CHECK((found.empty() ? std::string{} : found.front().what) == "");
    }
    done = true;
    for (auto& worker : workers)
        worker.join();
    CHECK(first_finding(all) == "");
}

TEST_CASE("a segment that is written over at random is found damaged, in a bounded time")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    for (int run = 0; run != 6; ++run) {
        cluster all{2};
        auto const me = all.join(0);
        covey::test::write_at_random(me->view, random, 300);
        auto* const memory = &all.memory.memory()->at<std::byte>(0);
        for (auto at = all.memory.memory()->places().worker_blocks; at != all.memory.bytes(); ++at)
            memory[at] = static_cast<std::byte>(run % 2 == 0 ? random() : 1 + random() % 3);
        auto const found = fsck(covey::inspect::open(all.memory.lend_read_only()));
        CHECK(found.size() > 3);
        CHECK(found.size() <= 1000);
    }
}

} // namespace fsck_test
