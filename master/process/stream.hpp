// stream: this process's end of a pipe to a child; an Asio stream, so async_read_until, async_write
// and the like take it.
//
// All calls from the executor's one thread. One read and one write may be outstanding; they may be
// cancelled, and complete with operation_aborted when it is closed or destroyed.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <memory>

namespace covey {
namespace net = boost::asio;
}

namespace covey::process {

class stream
{
  public:
    using executor_type = net::any_io_executor;
    using lowest_layer_type = stream;

    stream() noexcept;                                 // only to be assigned to
    stream(net::any_io_executor executor, handle end); // an empty one: closed
    ~stream();
    stream(stream&&) noexcept;
    stream& operator=(stream&&) noexcept;

    // Completes with (error_code, bytes): at least one, or net::error::eof once every process that
    // held the other end has closed it.
    template <class MutableBuffers, class Token>
    auto async_read_some(MutableBuffers const& into, Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
            [this](auto handler, net::mutable_buffer first) {
                start_read(first, std::move(handler));
            },
            token, first_of<net::mutable_buffer>(into));
    }

    // Completes with (error_code, bytes). A child that does not read any more is broken_pipe; no
    // SIGPIPE is raised, whatever this program does about that signal.
    template <class ConstBuffers, class Token>
    auto async_write_some(ConstBuffers const& from, Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
            [this](auto handler, net::const_buffer first) {
                start_write(first, std::move(handler));
            },
            token, first_of<net::const_buffer>(from));
    }

    bool is_open() const noexcept;
    void close(); // the child's end of file
    net::any_io_executor get_executor() const;

  private:
    struct core;
    using transfer_handler =
        net::any_completion_handler<void(boost::system::error_code, std::size_t)>;
    void start_read(net::mutable_buffer into, transfer_handler handler);
    void start_write(net::const_buffer from, transfer_handler handler);

    template <class Buffer, class Buffers>
    static Buffer first_of(Buffers const& buffers)
    {
        auto const end = net::buffer_sequence_end(buffers);
        for (auto one = net::buffer_sequence_begin(buffers); one != end; ++one)
            if (Buffer const first{*one}; first.size() != 0)
                return first;
        return {};
    }

    std::shared_ptr<core> core_;
};

} // namespace covey::process
