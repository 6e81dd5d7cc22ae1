// signal_watch: signals of this process as something the loop hears of.
//
// Not Asio's signal_set, which does not say when the kernel refuses a descriptor: a process that
// can never be told to stop must not start. Not a signalfd either: that wants the signals blocked,
// and every program that user code executes would start with them blocked, and not end when told
// to. So: a handler that notes the signal and rings an eventfd. execve takes both away.
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
    // loop, once for all of one number that came since the last call. System calls are restarted
    // (SA_RESTART). Throws system_error when there is no descriptor.
    signal_watch(net::any_io_executor const& executor, std::span<int const> numbers,
                 std::function<void(int number)> heard);

    // Puts dispositions and mask back; what has come and was not heard is forgotten.
    ~signal_watch();
    signal_watch(signal_watch const&) = delete;
    signal_watch& operator=(signal_watch const&) = delete;

  private:
    void wait();
    std::vector<int> take();

    std::shared_ptr<std::function<void(int)>> heard_;
    sigset_t mask_before_{};
    std::vector<std::pair<int, struct sigaction>> before_;
    handle bell_;
    std::optional<readiness> readable_;
};

} // namespace covey::protocol
