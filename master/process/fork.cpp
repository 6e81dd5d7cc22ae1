#include "fork.hpp"

#include "complete.hpp"
#include "spawning.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/channel_environment.hpp>
#include <utility>

namespace covey::process {

using boost::system::error_code;

namespace {

// A fork that is under way: its handler until it is called or cancelled, and the parent's end of
// the channel, whose messages wait there for the child.
struct fork_operation : std::enable_shared_from_this<fork_operation>
{
    void begin(start_plan what, options const& settings)
    {
        std::weak_ptr<running> starting;
        try {
            auto ends = protocol::make_socket_pair();
            channel = std::move(ends.first);
            what.channel = &ends.second; // ours is closed when this block ends
            starting = spawning::begin(executor, std::move(what), settings,
                                       [self = shared_from_this()](error_code failed, child it) {
                                           self->finish(failed, std::move(it));
                                       });
        } catch (boost::system::system_error const& failed) {
            return finish(failed.code(), child{});
        }
        if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected())
            slot.assign([weak = weak_from_this(), starting](net::cancellation_type) {
                auto const self = weak.lock();
                if (auto const process = starting.lock(); self && process) {
                    process->drop();
                    self->finish(net::error::operation_aborted, child{});
                }
            });
    }

    void finish(error_code failed, child started)
    {
        if (!handler)
            return;
        if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected())
            slot.clear();
        forked made;
        try {
            if (!failed)
                made = forked{std::move(started), messenger{executor, std::move(channel)}};
        } catch (boost::system::system_error const& unwatched) {
            failed = unwatched.code(); // the child goes with `started`
        }
        complete(executor, std::exchange(handler, nullptr), failed, std::move(made));
    }

    net::any_io_executor executor;
    detail::fork_handler handler;
    handle channel;
};

} // namespace

void detail::start_fork(net::any_io_executor executor, std::string path,
                        std::vector<std::string> arguments, options settings, fork_handler handler)
{
    auto operation = std::make_shared<fork_operation>();
    operation->executor = executor;
    operation->handler.swap(handler);
    start_plan what{.path = std::move(path),
                    .arguments = std::move(arguments),
                    .usual_input = source::inherit,
                    .usual_output = source::inherit};
    net::dispatch(executor,
                  [operation, what = std::move(what), settings = std::move(settings)]() mutable {
                      operation->begin(std::move(what), settings);
                  });
}

std::optional<messenger> parent(net::any_io_executor executor)
{
    auto channel = protocol::channel_from_environment();
    if (!channel.is_open())
        return std::nullopt;
    return std::optional<messenger>{std::in_place, std::move(executor), std::move(channel)};
}

} // namespace covey::process
