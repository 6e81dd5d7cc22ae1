// serving: what parent and child have in common in the examples beside it: answering the clients of
// a listening socket, and being a child that gets one over its channel.
#pragma once

#include <boost/asio.hpp>
#include <covey/master/process/fork.hpp>
#include <string>
#include <utility>

namespace net = boost::asio;
namespace process = covey::process;
using net::ip::tcp;

// Every client gets a line that says who served it.
inline net::awaitable<void> serve(tcp::acceptor acceptor, std::string const who)
{
    while (true) {
        auto client = co_await acceptor.async_accept(net::use_awaitable);
        boost::system::error_code gone;
        co_await net::async_write(client, net::buffer("served by " + who + "\n"),
                                  net::redirect_error(net::use_awaitable, gone));
    }
}

// Serves the sockets that the parent sends, and ends with the parent.
inline int child(std::string const& who)
{
    net::io_context io{1};
    auto parent = process::parent(io.get_executor());
    parent->on_message([&](covey::message said) {
        auto acceptor = said.handles.at(0).take<tcp::acceptor>(io.get_executor());
        net::co_spawn(io, serve(std::move(acceptor), who), net::detached);
    });
    parent->on_end([&](boost::system::error_code) { io.stop(); });
    io.run();
    return 0;
}
