// change_feed: the changes of one field as asynchronous operations, for loops and coroutines.
//
//   covey::change_feed scores{worker.get_executor(), worker.changes(), state.scores};
//   for (;;) {
//       auto const change = co_await scores.async_next(net::use_awaitable);
//       ...
//   }
//
// Whoever runs the subscription dispatches it: a worker does; with a loop of your own, a
// change_loop does. All on that loop's thread. Bounds and resyncs are change_queue's.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <covey/shm/change_queue.hpp>
#include <memory>
#include <utility>

namespace covey {

namespace net = boost::asio;

template <class Field>
class change_feed
{
  public:
    using change = typename Field::change;

    change_feed(net::any_io_executor executor, subscription& changes, Field& field,
                typename Field::watching what = {})
        : core_{std::make_shared<core>(std::move(executor), changes, field, std::move(what))}
    {
        core_->queue.on_news([its = core_.get()] { its->wake(); });
    }
    ~change_feed()
    {
        if (core_) {
            core_->queue.on_news({});
            core_->complete(net::error::operation_aborted, {});
        }
    }
    change_feed(change_feed&&) noexcept = default;
    change_feed& operator=(change_feed&&) = delete;

    // Completes with (error_code, change): the next one, in the order in which they are told; never
    // inside this call. One at a time: a second one meanwhile fails with already_started. May be
    // cancelled, and fails with operation_aborted when the feed ends; no change is lost by that.
    template <class Token>
    auto async_next(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, change)>(
            [its = core_](auto handler) { its->start(std::move(handler)); }, token);
    }

  private:
    using completion = net::any_completion_handler<void(boost::system::error_code, change)>;

    struct core : std::enable_shared_from_this<core>
    {
        core(net::any_io_executor where, subscription& changes, Field& field,
             typename Field::watching what)
            : executor{std::move(where)}
            , queue{changes, field, std::move(what)}
        {}

        void start(completion waits)
        {
            if (waiting)
                return finish(std::make_unique<completion>(std::move(waits)),
                              net::error::already_started, {});
            waiting = std::make_unique<completion>(std::move(waits));
            if (auto slot = net::get_associated_cancellation_slot(*waiting); slot.is_connected())
                slot.assign([weak = this->weak_from_this()](net::cancellation_type) {
                    if (auto const its = weak.lock())
                        its->complete(net::error::operation_aborted, {});
                });
            if (!queue.is_empty())
                wake();
        }

        // Once a turn of the loop: a handler is not called inside a dispatch.
        void wake()
        {
            if (!waiting || std::exchange(waking, true))
                return;
            net::post(executor, [weak = this->weak_from_this()] {
                if (auto const its = weak.lock())
                    its->look();
            });
        }

        void look()
        {
            waking = false;
            if (!waiting)
                return;
            if (auto one = queue.take())
                complete({}, std::move(*one));
        }

        void complete(boost::system::error_code failed, change one)
        {
            if (waiting)
                finish(std::exchange(waiting, nullptr), failed, std::move(one));
        }

        void finish(std::unique_ptr<completion> waits, boost::system::error_code failed, change one)
        {
            net::get_associated_cancellation_slot(*waits).clear();
            net::post(executor, [waits = std::move(waits), failed, one = std::move(one)]() mutable {
                (*waits)(failed, std::move(one));
            });
        }

        net::any_io_executor executor;
        change_queue<Field> queue;
        std::unique_ptr<completion> waiting; // behind a pointer: Boost 1.81's cannot be assigned
        bool waking = false;
    };

    std::shared_ptr<core> core_;
};

template <class Executor, class Field, class... Rest>
change_feed(Executor, subscription&, Field&, Rest...) -> change_feed<Field>;

} // namespace covey
