#include "pulse.hpp"

#include <utility>

namespace covey {

pulse::pulse(net::io_context& loop, participant& who, std::chrono::milliseconds every,
             std::function<void()> say_awake)
    : who_{who}
    , every_{every}
    , say_awake_{std::move(say_awake)}
    , timer_{loop}
{}

void pulse::connections(std::uint32_t now)
{
    bool const had = std::exchange(has_connections_, now > 0);
    if (!had && has_connections_ && every_.count() > 0)
        wake();
}

void pulse::wake()
{
    auto const now = clock::now();
    if (now >= may_say_) {
        may_say_ = now + 2 * every_;
        who_.beat();
        say_awake_();
    }
    if (!std::exchange(waiting_, true))
        wait();
}

void pulse::wait()
{
    timer_.expires_after(every_);
    timer_.async_wait([this](boost::system::error_code stopped) {
        if (stopped)
            return;
        who_.beat();
        if (has_connections_)
            wait();
        else
            waiting_ = false;
    });
}

} // namespace covey
