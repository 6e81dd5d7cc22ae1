#include "server.hpp"

#include "session.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace covey::http {

server::server(net::io_context& loop, router const& routes, limits bounds,
               std::function<void(traffic const&)> on_traffic)
    : loop_{loop}
    , routes_{routes}
    , on_traffic_{std::move(on_traffic)}
    , timer_{loop}
    , clients_{loop}
    , parting_timer_{loop}
{
    limit(bounds);
}

server::~server()
{
    on_empty_ = {};
    on_traffic_ = {};
    partings_.clear();
    auto const left = std::move(sessions_);
    for (auto const& each : left)
        each->close();
}

void server::limit(limits const& bounds)
{
    if (auto const wrong = bounds.validate(); !wrong.empty())
        throw std::invalid_argument{wrong};
    bounds_ = bounds;
}

void server::count_in(shm::statistics_lane lane)
{
    counts_ = meter{lane};
    hits_.count_in(&lane[metric_words::limits]);
}

void server::log_access(std::string target, log::format form, std::uint32_t seat)
{
    access_.emplace(std::move(target), form, seat, &counts_.access_log_dropped());
}

void server::open(handle connection)
{
    ++traffic_.connections;
    counts_.opened(1);
    tell();
    auto const made = admit(std::move(connection));
    start(*made);
}

void server::open(std::vector<handle> connections)
{
    traffic_.connections += static_cast<std::uint32_t>(connections.size());
    counts_.opened(connections.size());
    tell(); // once: in between it were less than what has been accepted
    std::vector<std::shared_ptr<session>> admitted;
    admitted.reserve(connections.size());
    for (auto& each : connections)
        admitted.push_back(admit(std::move(each)));
    for (auto const& each : admitted)
        start(*each);
}

void server::start(session& admitted)
{
    if (traffic_.connections > bounds_.connections_max)
        admitted.turn_away({503, limit::connections});
    else
        admitted.start();
}

std::shared_ptr<session> server::admit(handle connection)
{
    if (!std::exchange(ticking_, true)) {
        now_ = clock::now();
        tick();
    }
    auto made = std::make_shared<session>(std::move(connection), *this);
    sessions_.insert(made);
    made->placed(deadlines_.add(*made));
    return made;
}

void server::drain(std::chrono::milliseconds spread, std::function<void()> on_empty)
{
    now_ = clock::now();
    if (!std::exchange(draining_, true) || now_ + spread < parted_by_)
        plan_partings(spread);
    on_empty_ = std::move(on_empty);
    if (sessions_.empty() && on_empty_)
        std::exchange(on_empty_, {})();
}

// One place in line for each, in random order, and within it a random moment: as even as chance
// allows, whatever the order in which the clients came.
void server::plan_partings(std::chrono::milliseconds spread)
{
    partings_.clear();
    for (auto const& each : sessions_)
        partings_.push_back({now_, each});
    std::shuffle(partings_.begin(), partings_.end(), dice_);
    auto const share = std::chrono::duration<double, std::milli>{spread} /
                       static_cast<double>(std::max<std::size_t>(partings_.size(), 1));
    auto before = static_cast<double>(partings_.size());
    for (auto& each : partings_) {
        before -= 1;
        each.at += std::chrono::duration_cast<clock::duration>(share * (before + random()));
        if (auto const who = each.who.lock(); who && !who->is_streaming())
            each.at += bounds_.drain_idle_timeout;
    }
    std::sort(partings_.begin(), partings_.end(),
              [](auto const& a, auto const& b) { return a.at > b.at; });
    parted_by_ = now_ + spread;
    part();
}

void server::part()
{
    now_ = clock::now();
    for (; !partings_.empty() && partings_.back().at <= now_;) {
        auto const who = partings_.back().who.lock();
        partings_.pop_back();
        if (who)
            who->part();
    }
    if (partings_.empty())
        return;
    // Ten milliseconds' worth at a time: ten thousand clients are no ten thousand timers.
    parting_timer_.expires_at(partings_.back().at + std::chrono::milliseconds{10});
    parting_timer_.async_wait(
        [this, alive = std::weak_ptr{alive_}](boost::system::error_code stopped) {
            if (!stopped && !alive.expired())
                part();
        });
}

void server::request_begins()
{
    ++traffic_.in_flight;
    tell();
}

void server::request_ends()
{
    --traffic_.in_flight;
    ++traffic_.requests;
    tell();
}

void server::closed(std::shared_ptr<session> const& gone)
{
    if (sessions_.erase(gone) == 0) // the server itself is going
        return;
    if (auto* const moved = deadlines_.remove(gone->place()))
        moved->placed(gone->place());
    gone->placed(session::no_place);
    --traffic_.connections;
    tell();
    if (sessions_.empty() && on_empty_)
        std::exchange(on_empty_, {})();
}

void server::tick()
{
    timer_.expires_after(bounds_.tick);
    timer_.async_wait([this, alive = std::weak_ptr{alive_}](boost::system::error_code stopped) {
        if (stopped || alive.expired())
            return;
        now_ = clock::now();
        deadlines_.over(now_, [this](session& each) { late_.push_back(each.shared_from_this()); });
        for (auto const& each : late_)
            each->late();
        late_.clear();
        if (sessions_.empty())
            ticking_ = false; // an idle worker sleeps
        else
            tick();
    });
}

void server::tell() const
{
    if (on_traffic_)
        on_traffic_(traffic_);
}

} // namespace covey::http
