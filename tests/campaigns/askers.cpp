#include "askers.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace covey::test {

askers::askers(cluster const& where, int count, std::string path,
               std::chrono::milliseconds pause_max)
    : where_{where}
    , path_{std::move(path)}
    , pause_max_{pause_max}
{
    for (int i = 0; i < count; ++i)
        all_.push_back(std::make_unique<asker>());
    for (std::size_t i = 0; i < all_.size(); ++i)
        threads_.emplace_back([this, i] { run(*all_[i], seed() + i); });
}

askers::~askers()
{
    join();
}

void askers::join()
{
    stop_ = true;
    for (auto& one : threads_)
        if (one.joinable())
            one.join();
}

void askers::run(asker& self, std::uint64_t seed)
{
    std::mt19937_64 random{seed};
    std::uniform_int_distribution<std::int64_t> pause{0, pause_max_.count()};
    std::optional<http_client> connection;
    bool has_answered = false; // this connection
    while (!stop_) {
        try {
            if (!connection) {
                connection.emplace(where_.connect());
                has_answered = false;
            }
            auto const answer = ask(*connection, "GET", path_);
            if (answer.status == 200) {
                ++self.answered;
                ++answered_;
                has_answered = true;
                if (answer.header("Connection") == "close")
                    connection.reset();
            } else if (answer.status == 0 && has_answered && !connection->was_reset()) {
                ++self.crossed;
                connection.reset();
            } else {
                self.failed.push_back(answer.status != 0 ? "status " + std::to_string(answer.status)
                                      : connection->was_reset() ? "reset"
                                                                : "closed before the first answer");
                connection.reset();
            }
        } catch (std::system_error const& refused) {
            self.failed.emplace_back(refused.what());
            connection.reset();
        } catch (std::runtime_error const& silent) {
            self.failed.emplace_back(silent.what());
            connection.reset();
        }
        if (auto const wait = pause(random); wait > 0)
            std::this_thread::sleep_for(std::chrono::milliseconds{wait}); // the load's rhythm
    }
}

bool askers::all_go_on()
{
    std::vector<std::int64_t> before;
    for (auto const& one : all_)
        before.push_back(one->answered);
    return wait_until([&] {
        for (std::size_t i = 0; i < all_.size(); ++i)
            if (all_[i]->answered == before[i])
                return false;
        return true;
    });
}

void askers::leave(campaign& run)
{
    join();
    run.count("requests answered", static_cast<std::size_t>(answered_));
    for (auto const& one : all_) {
        run.count("crossed the end of an idle connection", one->crossed);
        for (auto const& what : one->failed)
            run.expect(false, what);
    }
}

} // namespace covey::test
