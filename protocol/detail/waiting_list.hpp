// waiting_list: completion handlers that wait for the same event, in the order of their calls; and
// what a handler's wait in a loop leaves behind when the loop is destroyed instead of run.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

namespace covey::protocol::detail {

namespace net = boost::asio;

// The completion handler of a wait that `Core` has in the loop. When the loop is destroyed instead
// of run, it is destroyed uncalled: then nobody will ever complete the calls that are outstanding,
// and their handlers (which may own what owns the core) must go too, or they would keep each other
// alive: Core::abandon() drops them.
template <class Core>
class waiter
{
  public:
    waiter(std::shared_ptr<Core> of, void (Core::*then)(boost::system::error_code))
        : core_{std::move(of)}
        , then_{then}
    {}
    waiter(waiter&&) = default;
    waiter& operator=(waiter&&) = delete;
    ~waiter()
    {
        if (core_)
            core_->abandon();
    }
    void operator()(boost::system::error_code failed)
    {
        auto const alive = std::exchange(core_, nullptr);
        (alive.get()->*then_)(failed);
    }

  private:
    std::shared_ptr<Core> core_;
    void (Core::*then_)(boost::system::error_code);
};

// Calls `handler` from the loop, on its own executor if it has one.
template <class Handler, class... Results>
void post_completion(net::any_io_executor const& executor, Handler handler, Results... results)
{
    auto const own = net::get_associated_executor(handler, executor);
    auto call = [handler = std::move(handler), ... results = std::move(results)]() mutable {
        std::move(handler)(std::move(results)...);
    };
    net::post(executor, net::bind_executor(own, std::move(call)));
}

// Takes an outstanding handler; a cancellation that comes later is not for the next call.
template <class Handler>
Handler take_handler(Handler& outstanding)
{
    if (auto slot = net::get_associated_cancellation_slot(outstanding); slot.is_connected())
        slot.clear();
    return std::exchange(outstanding, nullptr);
}

class waiting_list : public std::enable_shared_from_this<waiting_list>
{
  public:
    using handler = net::any_completion_handler<void(boost::system::error_code)>;

    explicit waiting_list(net::any_io_executor executor)
        : executor_{std::move(executor)}
    {}

    bool empty() const { return handlers_.empty(); }

    // Keeps it until complete_all() or its cancellation.
    void add(handler waits)
    {
        auto const number = ++count_;
        if (auto slot = net::get_associated_cancellation_slot(waits); slot.is_connected())
            slot.assign([weak = weak_from_this(), number](net::cancellation_type) {
                if (auto const self = weak.lock())
                    self->cancel(number);
            });
        handlers_.emplace(number, std::move(waits));
    }

    void complete_all(boost::system::error_code result)
    {
        for (auto& [number, waits] : std::exchange(handlers_, {}))
            post_completion(executor_, take_handler(waits), result);
    }

    // Drops them uncalled.
    void clear() { auto const dropped = std::exchange(handlers_, {}); }

  private:
    void cancel(std::uint64_t number)
    {
        if (auto found = handlers_.extract(number))
            post_completion(executor_, std::exchange(found.mapped(), nullptr),
                            boost::system::error_code{net::error::operation_aborted});
    }

    net::any_io_executor executor_;
    std::map<std::uint64_t, handler> handlers_;
    std::uint64_t count_ = 0;
};

} // namespace covey::protocol::detail
