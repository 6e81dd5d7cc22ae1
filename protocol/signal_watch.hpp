// signal_watch: signals of this process as something the loop hears of.
//
// A signalfd rather than Asio's signal_set, which does not say when the kernel refuses to watch:
// a process that can never be told to stop must not start.
//
// While a watch lives its signals are blocked in the thread that made it, and so in those it starts
// and in programs they execute; what this house starts begins with an empty mask again. A signal
// that the kernel gives to another thread, one that was there before, is passed on from there.
#pragma once

#include "handle.hpp"
#include "readiness.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace covey::protocol {

class signal_watch
{
  public:
    // Make one at a time in a process, in the thread that runs the loop. `heard` is called from the
    // loop, once for every signal noticed. Throws system_error when they cannot be watched.
    signal_watch(net::any_io_executor const& executor, std::span<int const> numbers,
                 std::function<void(int number)> heard);

    // Puts mask and dispositions back; what has come and was not heard is forgotten.
    ~signal_watch();
    signal_watch(signal_watch const&) = delete;
    signal_watch& operator=(signal_watch const&) = delete;

  private:
    void wait();
    std::vector<int> take();

    std::shared_ptr<std::function<void(int)>> heard_;
    sigset_t mask_before_{};
    std::vector<std::pair<int, struct sigaction>> before_;
    handle descriptor_;
    std::optional<readiness> readable_;
};

} // namespace covey::protocol
