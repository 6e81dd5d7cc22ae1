#include "visitors.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace covey::test {

void victims::kill(pid_t pid)
{
    std::lock_guard const lock{mutex_};
    killed_.emplace_back(pid, test_clock::now());
    ::kill(pid, SIGKILL);
}

bool victims::explain(pid_t worker) const
{
    std::lock_guard const lock{mutex_};
    return std::any_of(killed_.begin(), killed_.end(),
                       [&](auto const& one) { return one.first == worker; });
}

bool victims::explain_since(test_clock::time_point began) const
{
    std::lock_guard const lock{mutex_};
    return std::any_of(killed_.begin(), killed_.end(),
                       [&](auto const& one) { return one.second >= began; });
}

std::size_t victims::count() const
{
    std::lock_guard const lock{mutex_};
    return killed_.size();
}

// Its own player gets PUTs, so the last acknowledged one must be there; the common one gets POSTs.
struct visitors::visitor
{
    visitor(visitors& all, cluster const& where, victims const& killed, int number)
        : all_{all}
        , where_{where}
        , killed_{killed}
        , path{"/scores/own" + std::to_string(number)}
    {}

    void run()
    {
        for (std::int64_t turn = 1; !all_.stop_; ++turn) {
            bool well = false;
            if (turn % 3 == 0) {
                ++visits.sent;
                visits.acknowledged += well = request("GET", "/visits", "", 200);
            } else if (turn % 3 == 1) {
                ++points.sent;
                points.acknowledged += well = request("POST", "/scores/all", "1", 200);
            } else {
                put_sent = turn;
                if ((well = request("PUT", path, std::to_string(turn), 204)))
                    put_acknowledged = turn;
            }
            if (well)
                all_.count(worker_);
        }
        connection_.reset();
    }

  private:
    bool request(std::string_view method, std::string_view to, std::string_view body,
                 unsigned expected)
    {
        auto const began = test_clock::now();
        std::string what;
        try {
            if (!connection_) {
                worker_ = 0;
                connection_.emplace(where_.connect());
            }
            auto const answer = ask(*connection_, method, to, body);
            if (answer.status == expected) {
                worker_ = worker_of(answer);
                if (answer.header("Connection") == "close")
                    connection_.reset();
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
            unexplained.push_back(std::string{method} + ' ' + std::string{to} + ": " + what);
        return false;
    }

    visitors& all_;
    cluster const& where_;
    victims const& killed_;
    std::optional<http_client> connection_;
    pid_t worker_ = 0; // who has answered on the connection; 0: nobody yet

  public:
    std::string path;
    tally visits;
    tally points;
    std::int64_t put_sent = 0;
    std::int64_t put_acknowledged = 0;
    std::size_t in_flight_on_victims = 0;
    std::vector<std::string> unexplained;
};

visitors::visitors(cluster const& where, victims const& killed, int count)
    : where_{where}
{
    for (int i = 0; i < count; ++i)
        all_.push_back(std::make_unique<visitor>(*this, where, killed, i));
    for (auto const& one : all_)
        threads_.emplace_back([&one] { one->run(); });
}

visitors::~visitors()
{
    leave();
}

void visitors::count(pid_t worker)
{
    ++answered_;
    std::lock_guard const lock{mutex_};
    served_by_.insert(worker);
}

std::vector<pid_t> visitors::served_by() const
{
    std::lock_guard const lock{mutex_};
    return {served_by_.begin(), served_by_.end()};
}

void visitors::leave()
{
    stop_ = true;
    for (auto& one : threads_)
        if (one.joinable())
            one.join();
}

void visitors::leave_and_compare(campaign& run)
{
    leave();
    tally visits;
    tally points;
    for (auto const& one : all_) {
        visits += one->visits;
        points += one->points;
        run.count("requests in flight on a victim", one->in_flight_on_victims);
        for (auto const& what : one->unexplained)
            run.expect(false, what);
    }
    // The counts are between what was acknowledged and what was sent.
    auto const counted = std::stoll(where_.ask("GET", "/visits").body) - 1;
    auto const all = std::stoll(where_.ask("GET", "/scores/all").body);
    run.count("visits and points acknowledged",
              static_cast<std::size_t>(visits.acknowledged + points.acknowledged));
    run.count("visits and points stored", static_cast<std::size_t>(counted + all));
    run.count("visits and points sent", static_cast<std::size_t>(visits.sent + points.sent));
    run.expect(counted >= visits.acknowledged, "an acknowledged visit is lost");
    run.expect(counted <= visits.sent, "a visit is counted twice");
    run.expect(all >= points.acknowledged, "an acknowledged point is lost");
    run.expect(all <= points.sent, "a point is counted twice");
    for (auto const& one : all_) {
        auto const answer = where_.ask("GET", one->path);
        auto const stored = answer.status == 200 ? std::stoll(answer.body) : 0;
        run.expect(stored >= one->put_acknowledged, "an acknowledged put is lost");
        run.expect(stored <= one->put_sent, "a put is stored that nobody sent");
    }
}

} // namespace covey::test
