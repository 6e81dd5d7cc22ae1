#include "running.hpp"

#include <csignal>
#include <utility>

namespace covey::process {

using boost::system::error_code;

running::running(net::any_io_executor executor, supervision::launched process,
                 options const& settings)
    : process_{std::move(process)}
    , timeout_{settings.timeout}
    , kill_signal_{settings.kill_signal}
    , kill_after_{settings.kill_after}
    , report_{executor, process_.started()}
    , ended_{executor, process_.ended()}
    , timer_{executor}
{}

running::~running()
{
    if (released_)
        process_.release();
}

void running::begin(std::shared_ptr<void> owner, std::function<void(error_code)> started,
                    std::function<void()> ended)
{
    on_started_ = std::move(started);
    on_ended_ = std::move(ended);
    report_.async_wait([self = shared_from_this()](error_code failed) {
        if (!failed)
            self->is_started();
    });
    ended_.async_wait([self = shared_from_this(), owner = std::move(owner)](error_code failed) {
        if (!failed)
            self->has_ended();
    });
    if (timeout_.count() > 0)
        in(timeout_, &running::time_is_over);
}

void running::is_started()
{
    if (!process_.failure()) // else its end, which comes at once, tells
        if (auto const call = std::exchange(on_started_, nullptr))
            call({});
}

void running::has_ended()
{
    if (auto const failed = process_.failure()) {
        reap();
        if (auto const call = std::exchange(on_started_, nullptr))
            call(failed);
        return;
    }
    is_started();
    if (auto const call = std::exchange(on_ended_, nullptr))
        call();
    else
        reap();
}

exit_status running::reap()
{
    timer_.cancel();
    return process_.reap();
}

void running::signal(int number)
{
    if (!process_.signal_group(number))
        process_.signal(number);
}

void running::stop()
{
    if (std::exchange(stopping_, true))
        return;
    signal(kill_signal_);
    in(kill_after_, &running::force);
}

void running::time_is_over()
{
    if (auto const call = std::exchange(timed_out_, nullptr))
        call();
    stop();
}

void running::force()
{
    signal(SIGKILL);
    if (auto const call = std::exchange(forced_, nullptr))
        call();
}

void running::in(std::chrono::milliseconds from_now, void (running::*then)())
{
    timer_.expires_after(from_now);
    timer_.async_wait([weak = weak_from_this(), then](error_code failed) {
        auto const self = weak.lock();
        if (!failed && self && !self->process_.is_reaped())
            (self.get()->*then)();
    });
}

void running::drop()
{
    on_started_ = nullptr;
    on_ended_ = nullptr;
    signal(SIGKILL);
}

void running::release()
{
    on_started_ = nullptr;
    on_ended_ = nullptr;
    timer_.cancel();
    released_ = true;
}

} // namespace covey::process
