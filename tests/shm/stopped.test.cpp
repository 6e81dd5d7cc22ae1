// A process that is stopped (SIGSTOP) while it holds a lock: nobody steals it, readers and the
// other shards do not notice, and when the process goes on it ends what it had begun.
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <atomic>
#include <covey/shm/arena.hpp>
#include <covey/shm/map.hpp>
#include <csignal>
#include <cstdint>
#include <optional>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace stopped_test {

using covey::put_result;

namespace {

constexpr std::uint64_t room = 128; // two shards

struct two_shards : covey::state
{
    covey::map<std::uint64_t, std::uint64_t> rows{*this, "rows", covey::capacity{room}};
    covey::map<std::uint64_t, std::uint64_t> cache{
        *this, "cache", covey::capacity{room}, {.full = covey::when_full::evict}};
};

using world = covey::test::test_segment<two_shards>;
using member = covey::test::member<two_shards>;

// How many rows each shard of a map has.
std::vector<std::uint64_t> rows_of(world const& where, std::uint32_t field)
{
    auto const& memory = *where.memory.memory();
    auto const& places = memory.places().fields[field];
    std::vector<std::uint64_t> out;
    for (std::uint32_t shard = 0; shard != places.shard_count; ++shard)
        out.push_back(memory.shard(places, shard).rows.load());
    return out;
}

// Two rows of each shard, the first shard's first; their values are their keys.
std::vector<std::uint64_t> fill(world const& where, covey::map<std::uint64_t, std::uint64_t>& map)
{
    std::vector<std::vector<std::uint64_t>> found(2);
    for (std::uint64_t key = 1; found[0].size() < 2 || found[1].size() < 2; ++key) {
        auto const before = rows_of(where, map.index());
        map.put(key, key);
        found[rows_of(where, map.index())[0] == before[0]].push_back(key);
    }
    return {found[0][0], found[0][1], found[1][0], found[1][1]};
}

// A process that is stopped in the middle of an update of a row.
class stopped_writer
{
  public:
    stopped_writer(world const& where, std::uint32_t field, std::uint64_t key)
        : goes_on_{static_cast<std::atomic<int>*>(::mmap(nullptr, sizeof(std::atomic<int>),
                                                         PROT_READ | PROT_WRITE,
                                                         MAP_SHARED | MAP_ANONYMOUS, -1, 0))}
        , pid_{::fork()}
    {
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            auto const me = where.join(1);
            auto const wait = [this](auto const&) {
                ::kill(::getpid(), SIGSTOP);
                while (goes_on_->load() == 0)
                    ::sched_yield();
                return std::optional<std::uint64_t>{1'000};
            };
            auto& map = field == me->view.rows.index() ? me->view.rows : me->view.cache;
            ::_exit(map.update(key, wait).stored() ? 0 : 1);
        }
        int status = 0;
        ::waitpid(pid_, &status, WUNTRACED);
        REQUIRE(WIFSTOPPED(status));
    }
    stopped_writer(stopped_writer const&) = delete;
    stopped_writer& operator=(stopped_writer const&) = delete;
    ~stopped_writer()
    {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        ::munmap(goes_on_, sizeof *goes_on_);
    }

    // Whether it ended its update.
    bool go_on()
    {
        goes_on_->store(1);
        ::kill(pid_, SIGCONT);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

  private:
    std::atomic<int>* goes_on_;
    pid_t pid_;
};

} // namespace

TEST_CASE(
    "a stopped holder of a lock keeps it: others read, write elsewhere, are told busy here, and "
    "find its row when it has gone on")
{
    world where{2};
    auto const me = where.join(0);
    auto& rows = me->view.rows;
    auto const keys = fill(where, rows);
    stopped_writer holder{where, rows.index(), keys[0]};

    for (auto const key : keys)
        CHECK(rows.get(key) == key);
    std::uint64_t seen = 0;
    rows.for_each([&](auto, auto, auto) { ++seen; });
    CHECK(seen == rows.size());
    CHECK(rows.put(keys[2], 7).stored());
    CHECK(rows.erase(keys[3]) == covey::erase_result::erased);

    CHECK(rows.put(keys[1], 7) == put_result::busy);
    CHECK(rows.get(keys[1]) == keys[1]);
    CHECK(where.memory.repairs().empty());

    CHECK(holder.go_on());
    CHECK(rows.get(keys[0]) == 1'000);
    CHECK(rows.put(keys[1], 7).stored());
    CHECK(where.memory.repairs().empty());
}

TEST_CASE("a full map makes room beside a stopped holder's lock")
{
    world where{2};
    auto const me = where.join(0);
    auto& cache = me->view.cache;
    auto const keys = fill(where, cache);
    for (std::uint64_t key = 1'000; cache.size() != room; ++key)
        cache.put(key, key);
    stopped_writer holder{where, cache.index(), keys[0]};
    int stored = 0;
    int evicted = 0;
    for (std::uint64_t key = 2'000; stored < 2; ++key) {
        auto const done = cache.put(key, key); // half of them have their place in its shard
        if (done == put_result::busy)
            continue;
        CHECK(done.stored());
        stored += done.stored();
        evicted += static_cast<int>(done.evicted);
    }
    CHECK(evicted == 2);
    CHECK(cache.get(keys[0]) == keys[0]);
    CHECK(holder.go_on());
    CHECK(cache.get(keys[0]) == 1'000);
}

} // namespace stopped_test
