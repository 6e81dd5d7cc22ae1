// one_socket: a parent and its child answer the clients of one listening socket. The parent sends
// it over the channel that fork made, and keeps its own.
//
//   one_socket            prints the address; each client gets a line that says who served it
#include "serving.hpp"

#include <iostream>

int main(int argc, char**)
{
    if (argc > 1)
        return child("the child");
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
