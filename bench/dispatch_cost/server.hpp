// server: which of the servers that are compared, and how it is started.
#pragma once

#include <harness_scratch.hpp>
#include <harness_server.hpp>
#include <string>

namespace covey::bench {

// Which one, and how it spreads connections: "covey least_loaded", "nginx reuseport",
// "node round_robin".
struct kind
{
    std::string program; // covey, nginx, node
    std::string mode;

    bool operator==(kind const&) const = default;
};

// Whether it can be started here.
bool is_installed(kind const& which);

// Its configuration goes into `notes`. Throws runtime_error when it does not come up.
server start(kind const& which, unsigned workers, scratch const& notes);

} // namespace covey::bench
