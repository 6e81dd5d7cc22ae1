#include "stop_signals.hpp"

#include <boost/system/error_code.hpp>
#include <utility>

namespace covey::supervision {

stop_signals::stop_signals(net::any_io_executor executor, std::function<void(int)> order)
    : signals_{executor, SIGTERM, SIGINT}
    , order_{std::make_shared<std::function<void(int)>>(std::move(order))}
{
    struct sigaction ignore
    {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &pipe_before_);
    wait();
}

stop_signals::~stop_signals()
{
    ::sigaction(SIGPIPE, &pipe_before_, nullptr);
}

void stop_signals::wait()
{
    // The handler may be in the loop's queue when this object goes: order_ tells.
    signals_.async_wait(
        [this, order = std::weak_ptr{order_}](boost::system::error_code failed, int signal) {
            auto const alive = order.lock();
            if (failed || !alive)
                return;
            wait();
            (*alive)(signal);
        });
}

} // namespace covey::supervision
