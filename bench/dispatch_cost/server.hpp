// server: one of the servers that are compared, running on a port of 127.0.0.1 of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <harness_child.hpp>
#include <harness_scratch.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

class server
{
  public:
    // Starts it and waits until it answers and all its workers are there. Its configuration goes
    // into `notes`. Throws runtime_error when it does not come up.
    server(kind const& which, unsigned workers, scratch const& notes);
    server(server&&) = default;
    ~server(); // stops it, in good order where it can

    std::uint16_t port() const { return port_; }
    std::vector<pid_t> processes() const;
    std::vector<pid_t> workers() const;

  private:
    void wait_until_up(unsigned workers) const;

    std::uint16_t port_;
    std::optional<child> process_; // empty once moved from or stopped
};

// A program of this bench that is built beside it.
std::string beside_this_program(std::string_view name);

} // namespace covey::bench
