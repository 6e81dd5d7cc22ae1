// complete: calls a completion handler later, where it wants to be called.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace covey::process {

namespace net = boost::asio;

// By way of `executor`, so that its loop knows that there is something left to do.
template <class Executor, class Handler, class... Results>
void complete(Executor const& executor, Handler handler, Results... results)
{
    auto const there = net::get_associated_executor(handler, executor);
    auto call = [handler = std::move(handler), ... results = std::move(results)]() mutable {
        std::move(handler)(std::move(results)...);
    };
    net::post(executor, net::bind_executor(there, std::move(call)));
}

} // namespace covey::process
