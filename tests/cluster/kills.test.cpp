// Fifty workers killed under load: what was acknowledged is there, and nobody else noticed.
#include "cluster.hpp"

#include "support/descriptor_count.hpp"
#include "support/seed.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

using namespace covey::test;
using namespace std::chrono_literals;
using test_clock = std::chrono::steady_clock;

namespace {

constexpr int clients = 64;
constexpr int kills = 50;
constexpr auto between_kills = 200ms;

// Who was killed, and when. A failed request is explained by it or it is a failure.
class victims
{
  public:
    void kill(pid_t pid)
    {
        std::lock_guard const lock{mutex_};
        killed_.emplace_back(pid, test_clock::now());
        ::kill(pid, SIGKILL);
    }

    // On a connection that `worker` has answered on.
    bool explain(pid_t worker) const
    {
        std::lock_guard const lock{mutex_};
        return std::any_of(killed_.begin(), killed_.end(),
                           [&](auto const& one) { return one.first == worker; });
    }

    // On a connection that nobody has answered on yet, from `began` until now.
    bool explain_since(test_clock::time_point began) const
    {
        std::lock_guard const lock{mutex_};
        return std::any_of(killed_.begin(), killed_.end(),
                           [&](auto const& one) { return one.second >= began; });
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::pair<pid_t, test_clock::time_point>> killed_;
};

struct tally
{
    std::int64_t sent = 0;
    std::int64_t acknowledged = 0;

    tally& operator+=(tally const& other)
    {
        sent += other.sent;
        acknowledged += other.acknowledged;
        return *this;
    }
};

// One client: keeps its connection as long as it lives and asks without a pause. Its own player
// gets PUTs, so the last acknowledged one must be there; the common one gets POSTs.
struct visitor
{
    visitor(cluster const& where, victims const& killed, int number)
        : where_{where}
        , killed_{killed}
        , path_{"/scores/own" + std::to_string(number)}
    {}

    void run(std::atomic<bool> const& stop)
    {
        for (std::int64_t turn = 1; !stop; ++turn) {
            if (turn % 3 == 0) {
                ++visits.sent;
                visits.acknowledged += request("GET", "/visits", "", 200);
            } else if (turn % 3 == 1) {
                ++points.sent;
                points.acknowledged += request("POST", "/scores/all", "1", 200);
            } else {
                put_sent = turn;
                if (request("PUT", path_, std::to_string(turn), 204))
                    put_acknowledged = turn;
            }
        }
        connection_.reset();
    }

    tally visits;
    tally points;
    std::int64_t put_sent = 0;
    std::int64_t put_acknowledged = 0;
    int in_flight_on_victims = 0;
    std::vector<std::string> unexplained;

  private:
    bool request(std::string_view method, std::string_view path, std::string_view body,
                 unsigned expected)
    {
        auto const began = test_clock::now();
        std::string what;
        try {
            if (!connection_) {
                worker_ = 0;
                connection_.emplace(where_.connect());
            }
            auto const answer = ask(*connection_, method, path, body);
            if (answer.status == expected) {
                worker_ = worker_of(answer);
                return true;
            }
            what = "status " + std::to_string(answer.status);
            if (answer.status == 0 &&
                (worker_ != 0 ? killed_.explain(worker_) : killed_.explain_since(began)))
                what.clear();
        } catch (std::system_error const& refused) { // a connection is never refused
            what = refused.what();
        } catch (std::runtime_error const& silent) {
            what = silent.what();
        }
        connection_.reset();
        if (what.empty())
            ++in_flight_on_victims;
        else
            unexplained.push_back(std::string{method} + ' ' + std::string{path} + ": " + what);
        return false;
    }

    cluster const& where_;
    victims const& killed_;
    std::string path_;
    std::optional<http_client> connection_;
    pid_t worker_ = 0; // who has answered on the connection; 0: nobody yet
};

} // namespace

TEST_CASE("killing a worker every 200 ms loses nothing that was acknowledged", "[cluster][kills]")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    cluster it{BOARD, 4, {"--log-level", "warning"}};
    auto const master = it.process.pid();
    // Before the first connection: the master keeps one until its worker has acknowledged it.
    auto const descriptors = covey::test::descriptor_count(master);

    victims killed;
    std::vector<visitor> visitors;
    for (int i = 0; i < clients; ++i)
        visitors.emplace_back(it, killed, i);
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (auto& one : visitors)
        threads.emplace_back([&] { one.run(stop); });

    bool always_a_victim = true;
    for (int i = 0; i < kills && always_a_victim; ++i) {
        std::this_thread::sleep_for(between_kills); // the load's rhythm, not a wait
        std::vector<pid_t> living;
        always_a_victim = wait_until([&] { return !(living = it.workers()).empty(); });
        if (always_a_victim)
            killed.kill(living[random() % living.size()]);
    }
    std::this_thread::sleep_for(between_kills);
    stop = true;
    for (auto& one : threads)
        one.join();
    REQUIRE(always_a_victim);

    tally visits;
    tally points;
    int in_flight = 0;
    for (auto const& one : visitors) {
        visits += one.visits;
        points += one.points;
        in_flight += one.in_flight_on_victims;
        for (auto const& what : one.unexplained)
            FAIL_CHECK(what);
    }
    // The counts are between what was acknowledged and what was sent.
    auto const counted = std::stoll(it.ask("GET", "/visits").body) - 1;
    auto const all = std::stoll(it.ask("GET", "/scores/all").body);
    WARN("visits: " << visits.acknowledged << " acknowledged, " << counted << " counted, "
                    << visits.sent << " sent; points: " << points.acknowledged << ", " << all
                    << ", " << points.sent << "; " << in_flight
                    << " requests were in flight on a victim");
    CHECK(counted >= visits.acknowledged);
    CHECK(counted <= visits.sent);
    CHECK(all >= points.acknowledged);
    CHECK(all <= points.sent);
    for (std::size_t i = 0; i < visitors.size(); ++i) {
        auto const answer = it.ask("GET", "/scores/own" + std::to_string(i));
        auto const stored = answer.status == 200 ? std::stoll(answer.body) : 0;
        CHECK(stored >= visitors[i].put_acknowledged);
        CHECK(stored <= visitors[i].put_sent);
    }

    // The master is as it was: four workers, none of them dead, and not one descriptor more.
    CHECK(wait_until([&] {
        auto const children = children_of(master);
        return children.size() == 4 && std::none_of(children.begin(), children.end(), is_zombie);
    }));
    wait_until([&] { return covey::test::descriptor_count(master) == descriptors; });
    CHECK(covey::test::descriptor_count(master) == descriptors);
    it.process.signal(SIGTERM);
    CHECK(it.process.wait_for_end() == 0);
}
