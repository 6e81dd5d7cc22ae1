// wait_until: waits for a condition, not for a time. The deadline only bounds a failing test, so
// it is generous: sanitizers and a busy machine must not make a right program look wrong.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <thread>

namespace covey::test {

inline constexpr std::chrono::seconds patience{30};

// Polls `condition` until it holds. False when it did not within `limit`.
template <class Condition>
bool wait_until(Condition condition, std::chrono::milliseconds limit = patience)
{
    auto const deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

// Runs `loop` on this thread until `condition` holds, looking after every handler. False when it
// did not hold within `limit`. A loop that ran out of work is restarted, for the condition may
// depend on another process.
template <class Condition>
bool run_until(boost::asio::io_context& loop, Condition condition,
               std::chrono::milliseconds limit = patience)
{
    auto const deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline)
            return false;
        if (loop.stopped())
            loop.restart();
        if (loop.run_one_for(std::chrono::milliseconds{10}) == 0 && loop.stopped())
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

} // namespace covey::test
