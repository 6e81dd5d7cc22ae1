// readiness: waits on the loop until a descriptor that someone else owns becomes readable.
//
// For what Asio has no object for: pidfds, and listening sockets whose accept must set flags.
// Destroy it before the descriptor is closed. async_wait asks the kernel anew every time, so
// something left unread completes the next call at once.
#pragma once

#include "handle.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

namespace covey::protocol {

namespace net = boost::asio;

class readiness
{
  public:
    readiness(net::any_io_executor const& executor, handle const& watched)
        : descriptor_{executor, watched.get()}
    {}
    ~readiness() { descriptor_.release(); } // deregisters; the owner closes
    readiness(readiness const&) = delete;
    readiness& operator=(readiness const&) = delete;

    // Completes with (error_code): none when readable, operation_aborted when cancelled or gone.
    template <class Token>
    auto async_wait(Token&& token)
    {
        return descriptor_.async_wait(net::posix::descriptor_base::wait_read,
                                      std::forward<Token>(token));
    }

    void cancel() { descriptor_.cancel(); }

  private:
    net::posix::stream_descriptor descriptor_;
};

} // namespace covey::protocol
