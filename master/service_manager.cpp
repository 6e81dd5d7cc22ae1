#include "service_manager.hpp"

#include <cstdlib>
#include <fmt/format.h>
#include <time.h>
#include <utility>

#if COVEY_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

namespace covey::supervision {

namespace {

constexpr char const* notify_variable = "NOTIFY_SOCKET";

#if COVEY_SYSTEMD

int take_sockets(char*** names)
{
    return ::sd_listen_fds_with_names(1, names);
}

std::chrono::microseconds take_watchdog()
{
    std::uint64_t period_us = 0;
    return std::chrono::microseconds{::sd_watchdog_enabled(1, &period_us) > 0 ? period_us / 2 : 0};
}

// libsystemd finds the socket in the environment and nowhere else.
void notify(std::string const& socket, std::string const& text)
{
    ::setenv(notify_variable, socket.c_str(), 1);
    ::sd_notify(1, text.c_str()); // 1: out of the environment again
}

constexpr int first_inherited = SD_LISTEN_FDS_START;

#else

int take_sockets(char***)
{
    for (auto const* each : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
        ::unsetenv(each);
    return 0;
}

std::chrono::microseconds take_watchdog()
{
    ::unsetenv("WATCHDOG_PID");
    ::unsetenv("WATCHDOG_USEC");
    return {};
}

void notify(std::string const&, std::string const&)
{}

constexpr int first_inherited = 3;

#endif

std::uint64_t monotonic_us()
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}

} // namespace

inherited_sockets take_inherited_sockets()
{
    inherited_sockets out;
    char** names = nullptr;
    int const count = take_sockets(&names);
    for (int i = 0; i < count; ++i) {
        std::string name = names != nullptr && names[i] != nullptr ? names[i] : "unknown";
        out.emplace(std::move(name), handle{first_inherited + i});
    }
    for (int i = 0; names != nullptr && names[i] != nullptr; ++i)
        std::free(names[i]);
    std::free(static_cast<void*>(names));
    return out;
}

service_manager::service_manager(net::any_io_executor executor)
    : timer_{std::move(executor)}
{
#if COVEY_SYSTEMD
    if (char const* const there = std::getenv(notify_variable))
        socket_ = there;
#endif
    ::unsetenv(notify_variable);
    interval_ = take_watchdog();
}

void service_manager::tell(std::string const& text) const
{
    if (is_there())
        notify(socket_, text);
}

void service_manager::ready(std::string_view status)
{
    tell(fmt::format("READY=1\nSTATUS={}", status));
}

void service_manager::reloading()
{
    tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading", monotonic_us()));
}

void service_manager::stopping()
{
    tell("STOPPING=1\nSTATUS=stopping");
}

void service_manager::status(std::string_view text)
{
    tell(fmt::format("STATUS={}", text));
}

void service_manager::feed()
{
    if (!is_there() || interval_.count() == 0)
        return;
    tell("WATCHDOG=1");
    timer_.expires_after(interval_);
    timer_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped)
            feed();
    });
}

} // namespace covey::supervision
