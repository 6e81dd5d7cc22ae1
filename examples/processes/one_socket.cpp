// one_socket: a parent and its child answer the clients of one listening socket. The parent sends
// it over the channel that fork made, and keeps its own.
//
//   one_socket            prints the address; each client gets a line that says who served it
#include <boost/asio.hpp>
#include <covey/master/process/fork.hpp>
#include <iostream>

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
        net::co_spawn(io, serve(std::move(acceptor), "the child"), net::detached);
    });
    parent->on_end([&](boost::system::error_code) { io.stop(); });
    io.run();
    return 0;
}

int main(int argc, char**)
{
    if (argc > 1)
        return child();
    net::io_context io{1};
    tcp::acceptor acceptor{io, {net::ip::make_address("127.0.0.1"), 0}};
    std::cout << "listening on " << acceptor.local_endpoint() << std::endl;

    process::forked kept;
    process::fork(io.get_executor(), "", {"child"}, {},
                  [&](boost::system::error_code failed, process::forked made) {
                      if (failed)
                          return static_cast<void>(std::cerr << failed.message() << "\n");
                      kept = std::move(made);
                      kept.channel().send("serve", {covey::keep_open(acceptor)});
                      net::co_spawn(io, serve(std::move(acceptor), "the parent"), net::detached);
                  });
    net::signal_set ends{io, SIGINT, SIGTERM};
    ends.async_wait([&](boost::system::error_code, int) { io.stop(); });
    io.run();
}
