// only_children: a parent opens a port, gives it to its children and closes its own copy: from
// then on only they answer, and the port lives as long as one of them does.
#include "serving.hpp"

#include <iostream>
#include <unistd.h>
#include <vector>

net::awaitable<void> parent(tcp::acceptor acceptor, std::vector<process::forked>& children)
{
    auto const executor = co_await net::this_coro::executor;
    std::vector<std::string> const words{"child"};
    for (int i = 0; i < 3; ++i) {
        children.push_back(co_await process::fork(executor, "", words, {}, net::use_awaitable));
        children.back().channel().send("serve", {covey::keep_open(acceptor)});
    }
    std::cout << "listening on " << acceptor.local_endpoint() << std::endl;
    acceptor.close();
}

int main(int argc, char**)
{
    if (argc > 1)
        return child("child " + std::to_string(::getpid()));
    net::io_context io{1};
    std::vector<process::forked> children;
    tcp::acceptor acceptor{io, {net::ip::make_address("127.0.0.1"), 0}};
    net::co_spawn(io, parent(std::move(acceptor), children), net::detached);
    net::signal_set ends{io, SIGINT, SIGTERM};
    ends.async_wait([&](boost::system::error_code, int) { io.stop(); });
    io.run();
}
