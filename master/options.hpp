// options: what a cluster is told at its start. A plain value: set it in code, print it, compare
// it; the standard flags (cluster.hpp) override it. validate() names what is wrong with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace covey {

// How connections reach workers.
enum class dispatch_policy {
    shared,       // every worker accepts from one listening socket
    round_robin,  // the master accepts and passes connections in turn
    least_loaded, // the master accepts and passes to the worker with the fewest open connections
    reuseport,    // one listening socket per seat, owned by the master; the kernel spreads
};

std::string_view name(dispatch_policy policy);
bool parse(std::string_view word, dispatch_policy& into);

// A flag of the program's own, beside the standard ones.
struct flag
{
    std::string name;                              // "--greeting"
    std::string help;                              // one sentence
    std::function<void(std::string const&)> store; // called with the value; throws to refuse it
};

struct options
{
    // In logs and in the segment's header; 1 to 32 characters.
    std::string name = "covey";

    // "HOST:PORT", "[V6]:PORT" or "unix:PATH"; port 0 picks one. Non-empty.
    std::vector<std::string> listen = {"127.0.0.1:8080"};

    // 0 means auto: the CPUs this process may use (affinity and cgroup quota). At most 256.
    std::uint32_t workers = 0;

    dispatch_policy dispatch = dispatch_policy::least_loaded;

    // How long a stopping worker may finish what is in flight.
    std::chrono::milliseconds drain_deadline{30'000};

    // After the drain deadline, until SIGKILL.
    std::chrono::milliseconds kill_after{1'000};

    // A worker that is not ready by then is killed and counts as a failed start.
    std::chrono::milliseconds ready_timeout{30'000};

    // How long a worker looks for changes before it sleeps; 0 sleeps at once.
    std::chrono::microseconds busy_poll{0};

    std::string log_level = "info";  // debug, info, warning, error, off
    std::string log_format = "text"; // text, json

    // The program's own version, for --version.
    std::string version;
    std::vector<flag> flags;

    // The first thing wrong, as one sentence that says what to do; empty when all is well.
    std::string validate() const;

    // `workers`, or what auto means on this machine; at least 1.
    std::uint32_t worker_count() const;
};

} // namespace covey
