#include "door_watch.hpp"

#include <algorithm>
#include <covey/protocol/log.hpp>
#include <poll.h>
#include <utility>

namespace covey::supervision {

namespace {

bool has_waiting(shared_handle const& socket)
{
    pollfd queue{.fd = socket->get(), .events = POLLIN, .revents = 0};
    return ::poll(&queue, 1, 0) == 1;
}

} // namespace

door_watch::door_watch(net::any_io_executor executor, std::vector<shared_handle> sockets,
                       turn_watch turns)
    : executor_{executor}
    , sockets_{std::move(sockets)}
    , turns_{std::move(turns)}
    , timer_{executor}
{}

void door_watch::start()
{
    sleep();
}

void door_watch::stop()
{
    asleep_.clear();
    timer_.cancel();
    sockets_.clear();
}

void door_watch::sleep()
{
    turns_.forget();
    for (auto const& each : sockets_) {
        auto& one = asleep_.emplace_back(executor_, *each);
        one.async_wait([weak = weak_from_this()](boost::system::error_code failed) {
            auto const self = weak.lock();
            if (failed || !self || self->asleep_.empty())
                return;
            // Out of the epoll set: every further connection would wake the master.
            self->asleep_.clear();
            self->quiet_ = 0;
            self->look_later();
        });
    }
}

void door_watch::look_later()
{
    timer_.expires_after(look_every);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code stopped) {
        if (auto const self = weak.lock(); !stopped && self && !self->sockets_.empty())
            self->look();
    });
}

void door_watch::look()
{
    if (std::any_of(sockets_.begin(), sockets_.end(), has_waiting)) {
        quiet_ = 0;
        if (turns_.look())
            log::debug("connections wait and the worker whose turn it is stands: a sibling's turn");
    } else {
        turns_.forget();
        if (++quiet_ == quiet_looks)
            return sleep();
    }
    look_later();
}

} // namespace covey::supervision
