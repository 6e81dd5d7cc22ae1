#include "sweep_loop.hpp"

#include <algorithm>

namespace covey {

sweep_loop::sweep_loop(net::io_context& loop, participant& who)
    : who_{who}
    , rows_{who}
    , timer_{loop}
{
    if (!rows_.has_work())
        return;
    who_.on_sooner_expiry([this] { look(); });
    look();
}

sweep_loop::~sweep_loop()
{
    who_.on_sooner_expiry({});
}

void sweep_loop::look()
{
    if (!rows_.has_work())
        return;
    if (auto const due = rows_.due())
        sleep_until(std::max(*due, not_before_));
}

void sweep_loop::sleep_until(clock::time_point when)
{
    if (when >= asleep_until_)
        return;
    asleep_until_ = when;
    timer_.expires_at(when); // cancels the wait for a later time
    timer_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped)
            turn();
    });
}

void sweep_loop::turn()
{
    asleep_until_ = clock::time_point::max();
    auto const began = clock::now();
    bool const more = rows_.step();
    auto const now = clock::now();
    spent_ += now - began;
    if (more)
        return sleep_until(now); // after whatever else the loop has to do
    not_before_ = now + std::max<clock::duration>(pause, spent_ * rest);
    spent_ = {};
    look();
}

} // namespace covey
