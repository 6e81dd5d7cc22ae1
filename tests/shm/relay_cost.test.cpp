// What a change costs its writer while many sleep, and when the last of them knows: with the relay
// and without. Hidden, for a time is no claim: test_shm_plain "[measure]" prints the figures that
// docs/decisions/0017 quotes. Sleepers and relay are processes, as in a cluster.
#include "support/campaign.hpp"
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <covey/shm/arena.hpp>
#include <covey/shm/doorbell_relay.hpp>
#include <covey/shm/map.hpp>
#include <csignal>
#include <cstdio>
#include <map>
#include <new>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <vector>

namespace relay_cost_test {

namespace {

struct board : covey::state
{
    covey::map<std::uint32_t, std::uint64_t> scores{*this, "scores", covey::capacity{8}};
};

using world = covey::test::test_segment<board>;
using member = covey::test::member<board>;

constexpr std::uint32_t most = 64;

std::uint64_t now()
{
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

struct stamps // in memory that all share
{
    std::array<std::atomic<std::uint64_t>, most + 1> told; // by block: when its handler was entered
    std::array<std::atomic<std::uint64_t>, most + 1> what; // and for which change
};

class processes
{
  public:
    template <class Body>
    void start(Body body)
    {
        auto const pid = ::fork();
        if (pid == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            body();
            ::_exit(0);
        }
        pids_.push_back(pid);
    }
    ~processes()
    {
        for (auto const pid : pids_)
            ::kill(pid, SIGKILL);
        for (auto const pid : pids_)
            ::waitpid(pid, nullptr, 0);
    }

  private:
    std::vector<pid_t> pids_;
};

void wait_for(int descriptor)
{
    pollfd waits{.fd = descriptor, .events = POLLIN, .revents = 0};
    ::poll(&waits, 1, -1);
}

void listen(world const& where, std::uint32_t block, stamps& book)
{
    auto const me = where.join(block);
    covey::subscription changes{me->who};
    changes.on_change(
        me->view.scores,
        [&](auto const& one) {
            book.told[block].store(now());
            book.what[block].store(one.after.value_or(0));
        },
        covey::test::every_change);
    for (;;) {
        do
            changes.dispatch();
        while (!changes.arm());
        wait_for(changes.doorbell());
        changes.answer();
    }
}

void relay(world const& where)
{
    covey::doorbell_relay it{where.memory.memory(),
                             std::make_shared<covey::doorbells const>(member::copy(where.bells))};
    for (;;) {
        do
            it.ring();
        while (!it.arm());
        wait_for(it.descriptor());
        it.answer();
    }
}

struct figures
{
    std::vector<double> writer; // us: the write itself, with its rings
    std::vector<double> last;   // us: from before the write to the last handler's entry
};

// `count` sleepers, with a relay or without.
class lane
{
  public:
    lane(std::uint32_t count, bool relayed)
        : count_{count}
        , relayed_{relayed}
        , where_{count + 1}
        , book_{*new (::mmap(nullptr, sizeof(stamps), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0)) stamps{}}
        , writer_{where_.join(0)}
    {
        if (relayed)
            all_.start([&] { relay(where_); });
        for (std::uint32_t block = 1; block <= count; ++block)
            all_.start([&, block] { listen(where_, block, book_); });
    }
    lane(lane const&) = delete;
    lane& operator=(lane const&) = delete;
    ~lane() { ::munmap(&book_, sizeof(stamps)); }

    // Everybody sleeps; then one change.
    void change(figures& into)
    {
        using covey::shm::bell_state;
        using covey::shm::state_of;
        auto& head = where_.memory.memory()->head();
        auto const settled = [&] {
            std::uint32_t asleep = 0;
            for (std::uint32_t block = 1; block <= count_; ++block)
                asleep +=
                    state_of(where_.memory.memory()->block(block).bell.load()) == bell_state::armed;
            return asleep == count_ &&
                   (!relayed_ || state_of(head.relay.bell.load()) == bell_state::armed);
        };
        while (!settled())
            ::usleep(100);
        ::usleep(200); // armed is not yet asleep
        ++number_;
        auto const began = now();
        writer_->view.scores.put(1, number_);
        auto const written = now();
        auto const heard = [&] {
            for (std::uint32_t block = 1; block <= count_; ++block)
                if (book_.what[block].load() != number_)
                    return false;
            return true;
        };
        while (!heard())
            ::usleep(100);
        std::uint64_t last = 0;
        for (std::uint32_t block = 1; block <= count_; ++block)
            last = std::max(last, book_.told[block].load());
        into.writer.push_back(static_cast<double>(written - began) / 1'000);
        into.last.push_back(static_cast<double>(last - began) / 1'000);
    }

  private:
    std::uint32_t count_;
    bool relayed_;
    world where_;
    stamps& book_;
    std::unique_ptr<member> writer_;
    std::uint64_t number_ = 0;
    processes all_;
};

double at(std::vector<double> figures, double share)
{
    std::sort(figures.begin(), figures.end());
    return figures[static_cast<std::size_t>(share * static_cast<double>(figures.size() - 1))];
}

} // namespace

TEST_CASE("what a change costs its writer while many sleep", "[.][measure]")
{
    struct lane_figures
    {
        std::uint32_t count;
        bool relayed;
        std::vector<double> medians{}; // of rounds
        std::vector<double> ratios{};  // to one sleeper, of the same round
        figures all{};
    };
    std::vector<lane_figures> lanes;
    for (std::uint32_t const count : {1U, 2U, 4U, 8U, 16U, 32U, 64U})
        for (bool const relayed : {false, true})
            if (!relayed || count > covey::shm::relay_above || count == 1)
                lanes.push_back({count, relayed});
    auto const rounds = covey::test::times(7, 21);
    for (int round = 0; round != rounds; ++round) {
        double one = 0;
        for (auto& each : lanes) {
            lane it{each.count, each.relayed};
            figures found;
            for (int i = 0; i != 10; ++i)
                it.change(found); // warm
            found = {};
            for (int i = 0; i != 100; ++i)
                it.change(found);
            auto const median = at(found.writer, 0.5);
            if (each.count == 1)
                one = median;
            each.medians.push_back(median);
            each.ratios.push_back(median / one);
            each.all.writer.insert(each.all.writer.end(), found.writer.begin(), found.writer.end());
            each.all.last.insert(each.all.last.end(), found.last.begin(), found.last.end());
        }
    }
    std::printf("sleepers  way     writer us: median of rounds (least - most)  p99    "
                "to one (least - most)    last told us: median  p90\n");
    for (auto const& each : lanes)
        std::printf("%8u  %-6s  %24.1f (%.1f - %.1f)  %8.1f  %8.2f (%.2f - %.2f)  %16.1f  %8.1f\n",
                    each.count, each.relayed ? "relay" : "direct", at(each.medians, 0.5),
                    at(each.medians, 0), at(each.medians, 1), at(each.all.writer, 0.99),
                    at(each.ratios, 0.5), at(each.ratios, 0), at(each.ratios, 1),
                    at(each.all.last, 0.5), at(each.all.last, 0.9));
    CHECK_FALSE(lanes.empty());
}

} // namespace relay_cost_test
