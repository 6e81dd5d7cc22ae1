// orders: what the supervisor wants done, as values. master.cpp executes them in their order; a
// simulation executes them in a world of its own.
#pragma once

#include "exit_status.hpp"

#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace covey::supervision {

// What there is to tell to who listens (master::on, the log). A life's own come in this order, each
// at most once, whatever order the kernel reports things in: fork, online, listening (for each
// listener), ready; disconnect and exit in either order; close last. Every life that was forked has
// disconnect, exit and close.
enum class fact {
    fork,
    online,
    listening,
    ready,
    suicide, // text: its reason
    disconnect,
    exit, // text: why it was killed, or the last it wrote
    close,
    error,          // a worker could not be forked or executed: `failed`
    giveup,         // text: the history, a line for each failure
    reload_started, // `generation` is being started
    reload_done,    // `generation` serves
    reload_failed,  // text: the verdict
};

std::string_view name(fact what);

namespace order {

// Fork a worker; answer forked() or not_forked().
struct fork
{
    std::uint64_t id = 0; // of a life; never used again
    std::uint32_t seat = 0;
    std::uint32_t block = 0;
    std::uint32_t generation = 0;
};

// Tell the worker to stop: it has until `deadline` from now, and ends what is idle over `spread`.
struct stop
{
    std::uint64_t id = 0;
    std::chrono::milliseconds deadline{};
    std::chrono::milliseconds spread{};
};

struct signal
{
    std::uint64_t id = 0;
    int number = 0;
};

// Connections of this seat go to this life from now on; none: to nobody just now.
struct serve
{
    std::uint32_t seat = 0;
    std::optional<std::uint64_t> id;
};

// Reap the block in the segment, again and again until it succeeds; answer reaped().
struct reap
{
    std::uint64_t id = 0;
    std::uint32_t block = 0;
};

struct tell
{
    fact what{};
    std::uint64_t id = 0; // 0 when it is about no single worker
    std::uint32_t seat = 0;
    std::uint32_t generation = 0;
    exit_status status;               // exit
    bool planned = false;             // exit: it was told to leave, or said it would
    bool possibly_oom = false;        // exit: SIGKILL, and not by this master
    std::uint32_t listener = 0;       // listening
    boost::system::error_code failed; // error
    std::string text;
};

// The answer to the reload requests number `first` to `last`.
struct verdict
{
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool done = false;
    std::uint32_t generation = 0; // that serves now
    std::string text;
};

// Sample every life that is ready or draining, and answer with sampled().
struct look
{};

// Every seat has been ready once: the cluster can be announced. Comes once.
struct announce
{};

// The cluster is over and no life is left. `failure` is empty after a stop. Comes once, last.
struct finish
{
    std::string failure;
};

} // namespace order

using order_to_do =
    std::variant<order::fork, order::stop, order::signal, order::serve, order::reap, order::tell,
                 order::verdict, order::look, order::announce, order::finish>;

} // namespace covey::supervision
