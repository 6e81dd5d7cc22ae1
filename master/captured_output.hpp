// captured_output: what a worker writes to standard error while it starts.
//
// It goes on to this process's own standard error, and its end is remembered: when the worker
// fails, its last words say more than its exit code. Never blocks: while our standard error takes
// nothing, nothing is read, and the worker waits as it would have without us.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace covey::supervision {

namespace net = boost::asio;

class captured_output : public std::enable_shared_from_this<captured_output>
{
  public:
    static constexpr std::size_t lines_max = 20; // that are remembered
    static constexpr std::size_t bytes_max = 4096;

    // A pipe: our end, non-blocking, and the writer's. Throws system_error.
    static std::pair<handle, handle> make_pipe();

    // Takes our end of one. `ended` is called from the loop when nobody writes to it any more.
    captured_output(net::any_io_executor executor, handle readable, std::function<void()> ended);

    void start();
    void close(); // `ended` is not called any more

    // Takes what has been written by now.
    void catch_up();

    std::string last_words() const; // whole lines

  private:
    void wait();
    bool read_some(); // false when nothing is there, or nothing can be passed on
    void remember(std::string_view text);

    net::posix::stream_descriptor pipe_;
    net::steady_timer retry_;
    std::function<void()> ended_;
    std::string words_;
};

} // namespace covey::supervision
