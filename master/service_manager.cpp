#include "service_manager.hpp"

#include "systemd_library.hpp"

#include <cstdlib>
#include <fmt/format.h>
#include <time.h>
#include <utility>

namespace covey::supervision {

namespace {

constexpr char const* notify_variable = "NOTIFY_SOCKET";

constexpr int first_inherited = 3; // sd_listen_fds(3): SD_LISTEN_FDS_START

// In the environment, and libsystemd to make something of it.
bool is_asked_for(char const* variable)
{
    return std::getenv(variable) != nullptr && systemd_library::get().is_there();
}

int take_sockets(char*** names)
{
    int const count =
        is_asked_for("LISTEN_FDS") ? systemd_library::get().listen_fds_with_names(1, names) : 0;
    for (auto const* each : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
        ::unsetenv(each);
    return count;
}

std::chrono::microseconds take_watchdog()
{
    std::uint64_t period_us = 0;
    bool const wanted =
        is_asked_for("WATCHDOG_USEC") && systemd_library::get().watchdog_enabled(1, &period_us) > 0;
    for (auto const* each : {"WATCHDOG_PID", "WATCHDOG_USEC"})
        ::unsetenv(each);
    return std::chrono::microseconds{wanted ? period_us / 2 : 0};
}

// libsystemd finds the socket in the environment and nowhere else.
void notify(std::string const& socket, std::string const& text)
{
    ::setenv(notify_variable, socket.c_str(), 1);
    systemd_library::get().notify(1, text.c_str()); // 1: out of the environment again
}

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
    if (is_asked_for(notify_variable))
        socket_ = std::getenv(notify_variable);
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
