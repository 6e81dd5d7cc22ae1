// handler: a callable of (request const&) that returns a response, or an awaitable of one.
#pragma once

#include "message.hpp"

#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

namespace covey::http {

namespace net = boost::asio;

class handler
{
  public:
    using immediate = std::function<response(request const&)>;
    using waiting = std::function<net::awaitable<response>(request const&)>;

    template <class Callable>
    requires(!std::same_as<std::remove_cvref_t<Callable>, handler> &&
             std::is_invocable_v<Callable&, request const&>) handler(Callable callable)
        : call_{wrap(std::move(callable))}
    {}

    bool waits() const { return call_.index() == 1; }
    response operator()(request const& asked) const { return std::get<immediate>(call_)(asked); }
    net::awaitable<response> wait(request const& asked) const
    {
        return std::get<waiting>(call_)(asked);
    }

  private:
    template <class Callable>
    static std::variant<immediate, waiting> wrap(Callable callable)
    {
        using result = std::invoke_result_t<Callable&, request const&>;
        if constexpr (std::is_same_v<result, net::awaitable<response>>)
            return waiting{std::move(callable)};
        else {
            static_assert(std::is_convertible_v<result, response>,
                          "a handler returns covey::http::response or awaitable of it");
            return immediate{std::move(callable)};
        }
    }

    std::variant<immediate, waiting> call_;
};

} // namespace covey::http
