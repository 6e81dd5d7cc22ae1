#include "bell_watch.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace covey::supervision {

bell_watch::bell_watch(net::any_io_executor executor, std::shared_ptr<shm::arena> memory,
                       std::shared_ptr<doorbells const> bells)
    : executor_{std::move(executor)}
    , memory_{std::move(memory)}
    , bells_{std::move(bells)}
{}

void bell_watch::start()
{
    rung_.emplace(executor_, bells_->relay());
    relay_.emplace(memory_, bells_);
    wait();
    ring();
}

void bell_watch::stop()
{
    relay_.reset();
    rung_.reset();
}

void bell_watch::wait()
{
    rung_->async_wait([weak = weak_from_this()](boost::system::error_code failed) {
        auto const self = weak.lock();
        if (failed || !self || !self->relay_)
            return;
        self->relay_->answer();
        self->wait();
        self->ring();
    });
}

// Between two rounds the loop does its other work.
void bell_watch::ring()
{
    relay_->ring();
    if (relay_->arm())
        return;
    net::post(executor_, [weak = weak_from_this()] {
        if (auto const self = weak.lock(); self && self->relay_)
            self->ring();
    });
}

} // namespace covey::supervision
