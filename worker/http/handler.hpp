// handler: a callable of (request const&) that returns a response, or an awaitable of one; or of
// (request const&, request_body&) that returns an awaitable of one, and is called before the body
// has come.
#pragma once

#include "message.hpp"
#include "streams.hpp"

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
    // Middleware may note something in the request; a program's handlers take it const.
    using immediate = std::function<response(request&)>;
    using waiting = std::function<net::awaitable<response>(request&)>;
    using reading = std::function<net::awaitable<response>(request&, request_body&)>;

    template <class Callable>
    requires(!std::same_as<std::remove_cvref_t<Callable>, handler> &&
             (std::is_invocable_v<Callable&, request&> ||
              std::is_invocable_v<Callable&, request&, request_body&>)) handler(Callable callable)
        : call_{wrap(std::move(callable))}
    {}

    bool waits() const { return call_.index() != 0; }
    bool reads_body() const { return call_.index() == 2; }

    response operator()(request& asked) const { return std::get<immediate>(call_)(asked); }
    response operator()(request const& asked) const // in a test; call.hpp calls every kind
    {
        request copy{asked};
        return (*this)(copy);
    }
    net::awaitable<response> wait(request& asked) const { return std::get<waiting>(call_)(asked); }
    net::awaitable<response> wait(request& asked, request_body& body) const
    {
        return std::get<reading>(call_)(asked, body);
    }

  private:
    template <class Callable>
    static std::variant<immediate, waiting, reading> wrap(Callable callable)
    {
        if constexpr (std::is_invocable_v<Callable&, request&, request_body&>) {
            using result = std::invoke_result_t<Callable&, request&, request_body&>;
            static_assert(std::is_same_v<result, net::awaitable<response>>,
                          "a handler that reads a body returns awaitable<covey::http::response>");
            return reading{std::move(callable)};
        } else {
            using result = std::invoke_result_t<Callable&, request&>;
            if constexpr (std::is_same_v<result, net::awaitable<response>>) {
                return waiting{std::move(callable)};
            } else {
                static_assert(std::is_convertible_v<result, response>,
                              "a handler returns covey::http::response or awaitable of it");
                return immediate{std::move(callable)};
            }
        }
    }

    std::variant<immediate, waiting, reading> call_;
};

} // namespace covey::http
