// A process that has gone mad writes random bytes all over the segment, while others read, write,
// listen, and reap as the master does. What they find may be nonsense; none of them crashes, and
// none goes round for ever. Locks are written over as well, but for the two pointers in them that
// are glibc's own in the process that holds the lock: whoever writes those ends that process.
#include "support/campaign.hpp"
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <covey/shm/arena.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/gauge.hpp>
#include <covey/shm/leader.hpp>
#include <covey/shm/lock.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/queue.hpp>
#include <covey/shm/ring.hpp>
#include <covey/shm/value.hpp>
#include <csignal>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <vector>

namespace scribble_test {

using namespace std::chrono_literals;

namespace {

struct everything : covey::state
{
    covey::counter hits{*this, "hits"};
    covey::gauge level{*this, "level"};
    covey::value<std::int64_t> best{*this, "best"};
    covey::map<covey::text<16>, covey::text<40>> names{*this, "names", covey::capacity{200}};
    covey::map<std::uint32_t, std::array<std::int64_t, 400>> wide{
        *this, "wide", covey::capacity{8}, {.expires = true, .full = covey::when_full::evict}};
    covey::ring<std::int64_t> recent{*this, "recent", covey::capacity{8}};
    covey::queue<std::int64_t> jobs{*this, "jobs", covey::capacity{8}};
    covey::lock nightly{*this, "nightly"};
    covey::leader chief{*this, "chief"};
};

using world = covey::test::test_segment<everything>;
using member = covey::test::member<everything>;

constexpr unsigned seconds_at_most = 60; // for what takes two at its worst: then it goes round
constexpr auto a_while = 500ms;

void write(member& me, std::mt19937_64& random)
{
    auto& view = me.view;
    auto const number = static_cast<std::uint32_t>(random() % 16);
    auto const name = "name " + std::to_string(number);
    view.hits.add();
    view.level.add(1);
    view.best.put(number);
    view.names.put(name, name);
    view.names.erase("name " + std::to_string(random() % 16));
    view.wide.put(number, {number}, 1h);
    view.wide.put(number + 1, {number}, 1ns);
    view.wide.expire();
    view.recent.append(number);
    view.jobs.push(number);
    if (auto const job = view.jobs.pop())
        random() % 2 ? void(view.jobs.acknowledge(*job)) : void(view.jobs.give_back(*job));
    view.nightly.try_hold();
    view.chief.run();
    view.chief.resign();
}

void read(member& me, std::mt19937_64& random)
{
    auto& view = me.view;
    std::size_t seen = 0;
    view.hits.get();
    view.level.get();
    view.best.get();
    view.names.get("name " + std::to_string(random() % 16));
    view.names.for_each([&](auto const& key, auto const& row, auto) {
        seen += key.view().size() + row.view().size();
    });
    view.wide.get(static_cast<std::uint32_t>(random() % 16));
    view.wide.for_each([&](auto, auto const& row, auto) { seen += row[399] != 0; });
    for (auto const& one : view.recent.last(8))
        seen += one.row != 0;
    view.jobs.size();
    view.jobs.leased();
    view.nightly.holder();
    view.chief.holder();
}

void listen(covey::subscription& changes)
{
    for (int i = 0; i != 20; ++i) {
        changes.dispatch();
        if (changes.arm())
            changes.answer();
    }
}

void rule(world& where, covey::segment& memory)
{
    memory.repairs();
    memory.quarantined();
    for (std::uint32_t block = 0; block != memory.blocks(); ++block) {
        memory.load_of(block);
        memory.owner_of(block);
        memory.beats_of(block);
    }
    memory.reap_block(3, where.bells);
    memory.open_block(3, {.pid = 1, .id = 1, .generation = 1});
}

// A role in a process of its own, for a while.
pid_t start(std::function<void()> const& role)
{
    auto const pid = ::fork();
    if (pid != 0)
        return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(seconds_at_most);
    auto const until = std::chrono::steady_clock::now() + a_while;
    while (std::chrono::steady_clock::now() < until)
        role();
    ::_exit(0);
}

class scribbler
{
  public:
    scribbler(covey::segment const& where, std::mt19937_64& random)
        : memory_{*where.memory()}
        , random_{random}
    {
        auto const& places = memory_.places();
        areas_.push_back({offsetof(covey::shm::header, revision),
                          sizeof(covey::shm::header) - offsetof(covey::shm::header, revision)});
        add(places.worker_blocks, places.rings); // and cursors, and the repair log
        for (std::uint32_t block = 0; block != places.blocks; ++block)
            areas_.push_back({places.record_offset(block, 0), 64 * places.record_bytes});
        for (std::size_t i = 0; i != places.fields.size(); ++i)
            add(places.fields[i].subscribers,
                i + 1 == places.fields.size() ? places.bytes : places.fields[i + 1].subscribers);
    }

    void scribble()
    {
        auto const& area = areas_[random_() % areas_.size()];
        auto const at = area.from + random_() % area.bytes / 4 * 4;
        auto const kind = random_() % 4;
        for (std::uint64_t i = 0; i != random_() % 8 + 1; ++i) {
            auto const here = at + i * 4;
            if (here + 4 > area.from + area.bytes || is_glibcs(here))
                return;
            auto const bits = kind == 0   ? 0
                              : kind == 1 ? 0xffff'ffff
                              : kind == 2 ? random_() % 16
                                          : random_();
            memory_.at<covey::shm::half_word>(here).store(static_cast<std::uint32_t>(bits));
        }
    }

  private:
    struct stretch
    {
        std::uint64_t from;
        std::uint64_t bytes;
    };

    void add(std::uint64_t from, std::uint64_t to) { areas_.push_back({from, to - from}); }

    bool is_glibcs(std::uint64_t at) const
    {
        for (auto const& field : memory_.places().fields) {
            auto const into = at - field.shards;
            if (at >= field.shards && into / sizeof(covey::shm::shard_block) < field.shard_count &&
                into % sizeof(covey::shm::shard_block) >=
                    offsetof(pthread_mutex_t, __data.__list) &&
                into % sizeof(covey::shm::shard_block) < sizeof(pthread_mutex_t))
                return true;
        }
        return false;
    }

    covey::shm::arena const& memory_;
    std::mt19937_64& random_;
    std::vector<stretch> areas_;
};

} // namespace

TEST_CASE("random bytes all over a segment end no process and keep none for ever")
{
    covey::test::campaign all{"scribbles"};
    auto random = all.random();
    for (int round = 0; round != covey::test::times(4, 500); ++round) {
        world where{4};
        {
            auto const first = where.join(0);
            for (int i = 0; i != 20; ++i)
                write(*first, random);
        }
        auto const reader = where.join(0);
        auto const writer = where.join(1);
        auto const listener = where.join(2);
        covey::subscription changes{listener->who};
        std::size_t heard = 0;
        auto const hear = [&](auto const&) { ++heard; };
        changes.on_change(listener->view.hits, hear, covey::test::every_change);
        changes.on_change(listener->view.best, hear, covey::test::every_change);
        changes.on_change(listener->view.names, hear, covey::test::every_change);
        changes.on_change(
            listener->view.wide,
            [&](auto const& one) { heard += one.after && one.after->back() != 0; },
            covey::test::every_change);
        changes.on_change(listener->view.recent, hear, covey::test::every_change);
        changes.on_change(listener->view.jobs, hear, covey::test::every_change);
        auto mine = random;
        mine.seed(random());
        std::vector<std::pair<std::string, pid_t>> roles{
            {"reader", start([&] { read(*reader, mine); })},
            {"writer", start([&] { write(*writer, mine); })},
            {"listener", start([&] { listen(changes); })},
            {"master", start([&] { rule(where, where.memory); })},
        };
        scribbler mad{where.memory, random};
        while (!roles.empty()) {
            for (int i = 0; i != 20; ++i)
                mad.scribble();
            all.count("scribbles", 20);
            std::erase_if(roles, [&](auto const& role) {
                int status = 0;
                if (::waitpid(role.second, &status, WNOHANG) == 0)
                    return false;
                all.expect(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                           "the " + role.first + " ended with " + std::to_string(status));
                all.count("processes");
                return true;
            });
            ::usleep(200);
        }
    }
    CHECK(all.counted("processes") > 0);
}

} // namespace scribble_test
