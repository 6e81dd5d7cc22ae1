// systemd_library: libsystemd, loaded when systemd has started this process and not otherwise.
//
// Linked in, it and the six libraries that it brings would lie in every worker, which never calls
// it. So it is looked for when a variable of systemd's is in the environment, and stays until the
// process ends. Where it is not installed, is_there() is false and nothing else may be called.
#pragma once

#include <cstdint>

namespace covey::supervision {

class systemd_library
{
  public:
    // Loaded at the first call. It reads files: at the start, not from the loop.
    static systemd_library const& get();

    bool is_there() const { return notify != nullptr; }

    // sd_listen_fds_with_names(3), sd_watchdog_enabled(3), sd_notify(3)
    int (*listen_fds_with_names)(int unset_environment, char*** names) = nullptr;
    int (*watchdog_enabled)(int unset_environment, std::uint64_t* period_us) = nullptr;
    int (*notify)(int unset_environment, char const* state) = nullptr;

  private:
    systemd_library();
};

} // namespace covey::supervision
