// intake: how connections come to a worker: passed by the master, or accepted from a listening
// socket that all workers or one seat own.
//
// While a worker drains it takes none: passed ones are declined, and its listening sockets are
// taken out of the loop, not merely closed: the open file is shared with the master and the
// siblings, so closing this process's descriptor would leave it in this process's epoll set
// (epoll(7), question 6), and connections would wake a worker that does not want them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <covey/protocol/handle.hpp>
#include <list>

namespace covey {

namespace net = boost::asio;

namespace http {
class server;
}

class intake
{
  public:
    // Both outlive the intake.
    intake(net::io_context& loop, http::server& to);
    ~intake();
    intake(intake const&) = delete;
    intake& operator=(intake const&) = delete;

    // Accepts from a listening, non-blocking socket. One connection a wake: siblings that wake with
    // this worker get their share. Throws system_error when it cannot be watched.
    void listen(handle listening);

    // Serves a connection that the master passed. False when the worker is draining.
    bool take(handle connection);

    // Connections wait in the backlog until resume(): siblings may accept them.
    void pause();
    void resume();

    // From now on nothing is accepted or taken.
    void stop();

  private:
    struct acceptor;

    net::io_context& loop_;
    http::server& to_;
    std::list<acceptor> acceptors_;
    bool paused_ = false;
    bool stopped_ = false;
};

} // namespace covey
