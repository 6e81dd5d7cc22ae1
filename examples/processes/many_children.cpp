// many_children: several children and their parent answer on one port. One socket goes to all of
// them; whoever accepts first serves the client.
#include <boost/asio.hpp>
#include <covey/master/process/fork.hpp>
#include <iostream>
#include <unistd.h>
#include <vector>

namespace net = boost::asio;
namespace process = covey::process;
using net::ip::tcp;
net::awaitable<void> serve(tcp::acceptor acceptor, std::string const who)
{
    while (true) {
        auto client = co_await acceptor.async_accept(net::use_awaitable);
        boost::system::error_code gone;
        co_await net::async_write(client, net::buffer("served by " + who + "\n"),
                                  net::redirect_error(net::use_awaitable, gone));
    }
}

int child()
{
    net::io_context io{1};
    auto parent = process::parent(io.get_executor());
    parent->on_message([&](covey::message said) {
        auto acceptor = said.handles.at(0).take<tcp::acceptor>(io.get_executor());
        net::co_spawn(io, serve(std::move(acceptor), "child " + std::to_string(::getpid())),
                      net::detached);
    });
    parent->on_end([&](boost::system::error_code) { io.stop(); });
    io.run();
    return 0;
}

net::awaitable<void> parent(tcp::acceptor acceptor, std::vector<process::forked>& children)
{
    auto const executor = co_await net::this_coro::executor;
    std::vector<std::string> const words{"child"};
    for (int i = 0; i < 3; ++i) {
        children.push_back(co_await process::fork(executor, "", words, {}, net::use_awaitable));
        children.back().channel().send("serve", {covey::keep_open(acceptor)});
    }
    std::cout << "listening on " << acceptor.local_endpoint() << std::endl;
    co_await serve(std::move(acceptor), "the parent");
}

int main(int argc, char**)
{
    if (argc > 1)
        return child();
    net::io_context io{1};
    std::vector<process::forked> children;
    tcp::acceptor acceptor{io, {net::ip::make_address("127.0.0.1"), 0}};
    net::co_spawn(io, parent(std::move(acceptor), children), net::detached);
    net::signal_set ends{io, SIGINT, SIGTERM};
    ends.async_wait([&](boost::system::error_code, int) { io.stop(); });
    io.run();
}
