// client_watch: says which of a worker's clients have something to be read, or room to be written
// to.
//
// An epoll set of the clients' sockets, below the loop's, to which all of them are one descriptor.
// Who asks Asio for a socket's next bytes has it try at once whether there are any, and of a client
// that has just been answered there are none: a call of the kernel with every request
// (docs/decisions/0020). Here who has been emptied is read again when the kernel says so.
//
// Edge triggered: who is told of bytes reads until there are none (client_socket keeps in mind
// whether there are), who is told of room writes until there is none.
//
// Every call on the loop's thread. Nothing blocks.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <sys/epoll.h>

namespace covey::http {

namespace net = boost::asio;

class client_watch
{
  public:
    using error_code = boost::system::error_code;

    // A socket that is broken is all of it: the next call on it tells.
    struct readiness
    {
        bool to_read = false;
        bool to_write = false;
        bool ended = false; // behind what there is to be read: of that, nobody is told again
    };

    // Whose socket it is.
    class client
    {
      public:
        virtual void ready(readiness now) = 0;

      protected:
        ~client() = default;
    };

    // Throws boost::system::system_error when no epoll set can be had. The loop outlives it.
    explicit client_watch(net::io_context& loop);

    // From now on `who` is told of bytes, those that are there already among them; until forget(),
    // which comes before the socket is closed.
    error_code add(int socket, client& who);
    void forget(int socket, client const& who);

    // Of room, too: the room that there is already is told of as well.
    error_code add_writing(int socket, client& who);

  private:
    void wait();
    void tell_all();
    std::size_t tell_some();
    error_code change(int operation, int socket, std::uint32_t events, client& who);

    static constexpr std::size_t at_once = 64; // of one look
    static constexpr std::size_t a_turn = 128; // then the loop's other work has its turn

    net::posix::basic_stream_descriptor<net::io_context::executor_type> set_;
    std::array<epoll_event, at_once> told_; // of this look; null: forgotten meanwhile
    std::size_t next_ = 0;
    std::size_t end_ = 0;
    bool waiting_ = false;
    std::shared_ptr<void> const alive_ =
        std::make_shared<char>(); // for what is in the loop's queue
};

} // namespace covey::http
