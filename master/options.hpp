// options: what a cluster is told at its start. A plain value: set it in code, print it, compare
// it; the standard flags (cluster.hpp) override it. validate() names what is wrong with it.
#pragma once

#include "seat_view.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace covey {

inline constexpr std::uint32_t workers_limit = 256;

// How connections reach workers.
enum class dispatch_policy {
    shared,       // every worker accepts from one listening socket
    round_robin,  // the master accepts and passes connections in turn
    least_loaded, // the master accepts and passes to the worker with the fewest open connections
    reuseport,    // one listening socket per seat, owned by the master; the kernel spreads
    hash,         // the master accepts and passes each client's connections to the same seat
    custom,       // the master accepts and asks options::balance
};

std::string_view name(dispatch_policy policy);
bool parse(std::string_view word, dispatch_policy& into);

enum class giveup_action {
    keep, // the workers that are left go on; the seats that failed stay empty
    stop, // the cluster stops gracefully, and run() returns 1
    exit, // the cluster stops at once, and run() returns 1
};

std::string_view name(giveup_action action);
bool parse(std::string_view word, giveup_action& into);

// When workers that end unasked are started again. Planned ends (stop, reload, recycle, scale)
// never count.
struct restart_options
{
    // A worker that dies before it is ready, or asks for it with exit code 75, waits: this long at
    // first, twice as long every time, at most backoff_max, less up to a quarter at random.
    std::chrono::milliseconds backoff_min{100};
    std::chrono::milliseconds backoff_max{10'000};

    // A worker that was ready for so long clears its seat's past.
    std::chrono::milliseconds healthy_after{30'000};

    // So many deaths in a row after being ready are replaced at once and do not count; 0 counts
    // every one. Each costs 200 ms of life, each life earns its length.
    std::uint32_t free_deaths = 60;

    // More than `intensity` failures of the whole cluster within `period`: no worker is started
    // any more until somebody resets that or reloads. 0: never give up.
    std::uint32_t intensity = 10;
    std::chrono::milliseconds period{60'000};
    giveup_action on_giveup = giveup_action::keep;
};

// When a worker is replaced by a fresh one, which is ready first; 0 of anything: never. Each
// worker's own limit is up to a tenth below, so that they do not leave together.
struct recycle_options
{
    std::uint64_t requests = 0;
    std::uint64_t memory_bytes = 0; // resident, the segment included
    std::chrono::milliseconds age{0};
};

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

    // "HOST:PORT", "[V6]:PORT" or "unix:PATH"; port 0 picks one. "systemd:NAME" is a socket that
    // the service manager hands over (FileDescriptorName=NAME in its unit). Non-empty.
    std::vector<std::string> listen = {"127.0.0.1:8080"};

    // 0 means auto: the CPUs this process may use (affinity and cgroup quota). At most 256.
    std::uint32_t workers = 0;

    dispatch_policy dispatch = dispatch_policy::least_loaded;

    // For dispatch_policy::custom: the seat (its index in `seats`) for a connection of `client`, a
    // numeric address ("" on a unix socket). None, a seat without room or an exception: the
    // connection goes to the least loaded. Called in the master for every connection: it must not
    // block.
    std::function<std::optional<std::uint32_t>(std::string const& client,
                                               std::span<seat_view const> seats)>
        balance;

    // A worker has at most so many connections open at a time, unless its code says otherwise
    // (worker::limit_connections); none: as many as come. Where no worker has room, connections
    // wait in the kernel's backlog.
    std::optional<std::uint32_t> connections_max;

    // A connection that worker after worker rejects is offered again for so long, then closed.
    std::chrono::milliseconds rejection_wait{1'000};

    // How long a stopping worker may finish what is in flight.
    std::chrono::milliseconds drain_deadline{30'000};

    // After the drain deadline, until SIGKILL.
    std::chrono::milliseconds kill_after{1'000};

    // Idle connections and event streams of a worker that is replaced end over this time.
    std::chrono::milliseconds close_spread{1'000};

    // A worker that has not said hello by then, or is not ready so long after, is killed and counts
    // as a failed start.
    std::chrono::milliseconds boot_timeout{30'000};
    std::chrono::milliseconds ready_timeout{30'000};

    // A worker that has something to do and whose loop has not turned for so long gets SIGABRT, and
    // SIGKILL later. 0: never.
    std::chrono::milliseconds hang_timeout{60'000};

    restart_options restart;
    recycle_options recycle;

    // A reload, or recycling, starts so many workers at a time.
    std::uint32_t reload_at_once = 1;

    // So many generations may be alive, the draining ones included; a reload waits.
    std::uint32_t generations_max = 3;

    // Whose rights workers have, names or numbers; the listeners are bound before that. Empty: the
    // master's own. A user comes with its groups, unless a group is named.
    std::string user;
    std::string group;

    // The worker in seat n runs on the n-th of the CPUs this process may use, and on no other.
    bool pin_cpus = false;

    // Where tools reach the master (master::open_control): a socket's path, "off", or empty: a
    // place of this user's that coveyctl finds by itself.
    std::string control;

    // As far as the cluster can be scaled; 0 means twice the workers it starts with.
    std::uint32_t workers_max = 0;

    // How long a worker looks for changes before it sleeps; 0 sleeps at once.
    std::chrono::microseconds busy_poll{0};

    std::string log_level = "info";  // debug, info, warning, error, off
    std::string log_format = "text"; // text, json

    // Where workers write a line for every response, in the log's format: a file, "-" for standard
    // output, or empty: nowhere. It is opened by the workers, with their rights.
    std::string access_log;

    // The program's own version, for --version.
    std::string version;
    std::vector<flag> flags;

    // The first thing wrong, as one sentence that says what to do; empty when all is well.
    std::string validate() const;

    // `workers`, or what auto means on this machine; at least 1.
    std::uint32_t worker_count() const;

    // `workers_max`, or what 0 means.
    std::uint32_t worker_limit() const;
};

} // namespace covey
