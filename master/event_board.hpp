// event_board: brings events to their handlers, in order, from the loop.
#pragma once

#include "events.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

namespace covey::supervision {

namespace net = boost::asio;

// Handlers by kind. One that is added while an event is told hears the next one.
class event_handlers
{
  public:
    void add(event_kind kind, std::function<void(event const&)> handler)
    {
        handlers_.emplace_back(kind, std::move(handler));
    }

    // One that throws is logged and harms no other.
    void call(event const& what);

  private:
    std::deque<std::pair<event_kind, std::function<void(event const&)>>> handlers_;
};

class event_board : public std::enable_shared_from_this<event_board>
{
  public:
    explicit event_board(net::any_io_executor executor)
        : executor_{std::move(executor)}
    {}

    event_handlers& handlers() { return handlers_; } // of all workers

    // Tells it later, after what was posted before. `said` lives until all have heard it.
    void post(event what, std::shared_ptr<covey::message> said = nullptr);

    void abandon(); // tells nothing any more

  private:
    struct item
    {
        event what;
        std::shared_ptr<covey::message> said;
    };
    void tell();

    net::any_io_executor executor_;
    event_handlers handlers_;
    std::deque<item> waiting_;
    bool abandoned_ = false;
};

} // namespace covey::supervision
