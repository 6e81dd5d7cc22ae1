#include "signal_watch.hpp"

#include <array>
#include <atomic>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

namespace covey::protocol {

namespace {

using bits = std::atomic<std::uint64_t>;
using number_of_process = std::atomic<pid_t>;
static_assert(bits::is_always_lock_free && number_of_process::is_always_lock_free);

bits came{0};                 // signal n is bit n - 1
std::atomic<int> bell{-1};    // what a handler writes to
std::atomic<int> handlers{0}; // that may be using it
number_of_process listening_process{0};

constexpr std::uint64_t bit_of(int number)
{
    return std::uint64_t{1} << (number - 1);
}

} // namespace

extern "C" {
// Any thread, at any instruction: async-signal-safe calls only.
static void note_signal(int number)
{
    int const kept = errno;
    if (::getpid() != listening_process.load()) {
        // The child of a bare fork has inherited this: there the signal does what it always does.
        ::signal(number, SIG_DFL);
        ::raise(number);
    } else {
        ++handlers;
        came |= bit_of(number);
        std::uint64_t const one = 1;
        if (auto const to = bell.load(); to >= 0) [[maybe_unused]]
            auto const told = ::write(to, &one, sizeof one);
        --handlers;
    }
    errno = kept;
}
}

signal_watch::signal_watch(net::any_io_executor const& executor, std::span<int const> numbers,
                           std::function<void(int)> heard)
    : heard_{std::make_shared<std::function<void(int)>>(std::move(heard))}
    , bell_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)}
{
    if (!bell_.is_open())
        throw boost::system::system_error{{errno, boost::system::system_category()},
                                          "watch for signals"};
    readable_.emplace(executor, bell_);

    // Nothing fails from here on.
    came = 0;
    bell = bell_.get();
    listening_process = ::getpid();
    sigset_t all;
    ::sigemptyset(&all);
    struct sigaction note
    {};
    note.sa_handler = &note_signal;
    note.sa_flags = SA_RESTART;
    for (auto const number : numbers) {
        struct sigaction was
        {};
        ::sigaction(number, &note, &was);
        before_.emplace_back(number, was);
        ::sigaddset(&all, number);
    }
    ::pthread_sigmask(SIG_UNBLOCK, &all, &mask_before_); // whoever started us may have blocked them
    wait();
}

signal_watch::~signal_watch()
{
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    for (auto const& [number, was] : before_)
        ::sigaction(number, &was, nullptr);
    bell = -1;
    while (handlers != 0) // in other threads; the descriptor is theirs until then
        std::this_thread::yield();
}

std::vector<int> signal_watch::take()
{
    std::uint64_t rung = 0;
    [[maybe_unused]] auto const emptied = ::read(bell_.get(), &rung, sizeof rung);
    auto const now = came.exchange(0);
    std::vector<int> out;
    for (auto const& [number, was] : before_)
        if ((now & bit_of(number)) != 0)
            out.push_back(number);
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
