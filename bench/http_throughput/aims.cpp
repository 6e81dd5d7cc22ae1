#include "aims.hpp"

namespace covey::bench {

std::vector<aim> const& aims()
{
    static std::vector<aim> const all{
        {"aim-instructions-epoll", "covey-hello-instructions", "epoll-hello-instructions", 1.25},
        {"aim-instructions-nginx", "covey-hello-instructions", "nginx-hello-instructions", 0.85},
        {"aim-steps", "covey-hello-steps", "", 3'000},
        {"aim-syscalls", "covey-hello-syscalls", "epoll-hello-syscalls", 1.05},
        {"aim-rate", "covey-hello-c64", "nginx-hello-c64", 1.05, true},
        {"aim-counter-cpu", "covey-counter-c64-cpu", "lua-counter-c64-cpu", 0.75},
        {"aim-counter-redis", "covey-counter-c64", "node-counter-c64", 3, true},
        {"aim-idle-p99", "covey-hello-idle-p99", "covey-hello-open-p99", 1.25},
        {"aim-idle-memory", "covey-hello-idle-memory", "", 8'192},
    };
    return all;
}

} // namespace covey::bench
