#include "systemd_library.hpp"

#include <covey/protocol/log.hpp>
#include <dlfcn.h>
#include <fmt/format.h>

namespace covey::supervision {

namespace {

constexpr char const* file = "libsystemd.so.0"; // its ABI's name since 2013

template <class Function>
bool find(void* library, char const* name, Function*& into)
{
    into = reinterpret_cast<Function*>(::dlsym(library, name));
    return into != nullptr;
}

} // namespace

systemd_library::systemd_library()
{
    void* const library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr && find(library, "sd_listen_fds_with_names", listen_fds_with_names) &&
        find(library, "sd_watchdog_enabled", watchdog_enabled) &&
        find(library, "sd_notify", notify))
        return;
    notify = nullptr;
    // dlerror's words name the file and the reason.
    char const* const reason = ::dlerror();
    log::warning(
        fmt::format("what systemd asks for in the environment is left out: {} (the package "
                    "is libsystemd0)",
                    reason != nullptr ? reason : file));
}

systemd_library const& systemd_library::get()
{
    static systemd_library const loaded;
    return loaded;
}

} // namespace covey::supervision
