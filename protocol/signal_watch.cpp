#include "signal_watch.hpp"

#include <array>
#include <atomic>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace covey::protocol {

namespace {

std::atomic<pid_t> watching_thread{0}; // has the signals blocked; 0: nobody

} // namespace

extern "C" {
// Runs in a thread that has not blocked the signal.
static void pass_signal_on(int number)
{
    int const kept = errno;
    if (auto const to = watching_thread.load())
        ::syscall(SYS_tgkill, ::getpid(), to, number);
    errno = kept;
}
}

signal_watch::signal_watch(net::any_io_executor const& executor, std::span<int const> numbers,
                           std::function<void(int)> heard)
    : heard_{std::make_shared<std::function<void(int)>>(std::move(heard))}
{
    sigset_t all;
    ::sigemptyset(&all);
    for (auto const number : numbers)
        ::sigaddset(&all, number);
    descriptor_ = handle{::signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC)};
    if (!descriptor_.is_open())
        throw boost::system::system_error{{errno, boost::system::system_category()},
                                          "watch for signals"};
    readable_.emplace(executor, descriptor_);

    // Nothing fails from here on. Blocked first: from then on nothing is lost.
    ::pthread_sigmask(SIG_BLOCK, &all, &mask_before_);
    watching_thread = static_cast<pid_t>(::syscall(SYS_gettid));
    struct sigaction pass
    {};
    pass.sa_handler = &pass_signal_on;
    pass.sa_flags = SA_RESTART;
    for (auto const number : numbers) {
        struct sigaction was
        {};
        ::sigaction(number, &pass, &was);
        before_.emplace_back(number, was);
    }
    wait();
}

signal_watch::~signal_watch()
{
    while (!take().empty()) {
    }
    watching_thread = 0; // one that comes just now is dropped by the handler
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    for (auto const& [number, was] : before_)
        ::sigaction(number, &was, nullptr);
}

// What the descriptor holds, up to a few.
std::vector<int> signal_watch::take()
{
    std::array<signalfd_siginfo, 8> infos;
    auto const bytes = ::read(descriptor_.get(), infos.data(), sizeof infos);
    std::vector<int> out;
    for (std::size_t i = 0; bytes > 0 && i < static_cast<std::size_t>(bytes) / sizeof infos[0]; ++i)
        out.push_back(static_cast<int>(infos[i].ssi_signo));
    return out;
}

void signal_watch::wait()
{
    // The handler may be in the loop's queue when this object goes, or what it calls may end it:
    // heard_ tells.
    readable_->async_wait([this, heard = std::weak_ptr{heard_}](boost::system::error_code failed) {
        if (failed || heard.expired())
            return;
        auto const numbers = take();
        wait();
        for (auto const number : numbers)
            if (auto const call = heard.lock())
                (*call)(number);
    });
}

} // namespace covey::protocol
