// control_messages: everything a tool and a master can say to each other over the control socket.
//
// The set is closed, as messages.hpp's is, and its numbers lie apart from those. A tool begins with
// `hello`; each of its messages is answered in order, by what stands beside it or by `refused`.
// Tool and master may be of different installations: both name `version` first, and a master that
// hears another one says which in `refused`, whose form never changes.
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>
#include <variant>

namespace covey::protocol::control {

// Rises with every change that the other side could misread. Apart from protocol::version: what
// workers say is no tool's business.
inline constexpr std::uint32_t version = 1;

// ---- a tool to a master ----------------------------------------------------------------------

// The first message; at any time again. Answer: `cluster`.
struct hello
{
    static constexpr std::uint16_t type = 192;
    std::uint32_t version = 0;
};
BOOST_DESCRIBE_STRUCT(hello, (), (version))

// Answer: `segment`.
struct lend_segment
{
    static constexpr std::uint16_t type = 193;
};
BOOST_DESCRIBE_STRUCT(lend_segment, (), ())

// Answer: a `worker` for each that lives and for each seat without one, then `done`.
struct list_workers
{
    static constexpr std::uint16_t type = 194;
};
BOOST_DESCRIBE_STRUCT(list_workers, (), ())

// Answer: `verdict`, when there is one. It comes even if others have asked for a reload since.
struct reload
{
    static constexpr std::uint16_t type = 195;
};
BOOST_DESCRIBE_STRUCT(reload, (), ())

// So many seats. Answer: `done`, at once: workers come and go later.
struct scale
{
    static constexpr std::uint16_t type = 196;
    std::uint32_t workers = 0;
};
BOOST_DESCRIBE_STRUCT(scale, (), (workers))

// Answer: `done`, before the cluster stops. `now`: workers are killed.
struct stop
{
    static constexpr std::uint16_t type = 197;
    bool now = false;
};
BOOST_DESCRIBE_STRUCT(stop, (), (now))

// ---- a master to a tool ----------------------------------------------------------------------

// Who is asked, and how it is.
struct cluster
{
    static constexpr std::uint16_t type = 224;
    std::uint32_t version = 0;
    std::string name;
    std::int64_t pid = 0;  // of the master, as it sees itself
    std::string software;  // covey's version
    std::string addresses; // with spaces between them; none while it stops
    std::string dispatch;  // the policy's name
    std::uint64_t age_ms = 0;
    std::uint32_t seats = 0;
    std::uint32_t seats_max = 0;
    std::uint32_t ready = 0; // seats that serve
    std::uint32_t generation = 0;
    bool has_given_up = false; // restarts
    bool is_stopping = false;
};
BOOST_DESCRIBE_STRUCT(cluster, (),
                      (version, name, pid, software, addresses, dispatch, age_ms, seats, seats_max,
                       ready, generation, has_given_up, is_stopping))

// Handles: [the segment, which may be mapped for reading only].
struct segment
{
    static constexpr std::uint16_t type = 225;
};
BOOST_DESCRIBE_STRUCT(segment, (), ())

// One that lives, or a seat without one: then pid is 0 and id is the last one's.
struct worker
{
    static constexpr std::uint16_t type = 226;
    std::uint32_t seat = 0;
    std::uint64_t id = 0;
    std::int64_t pid = 0;
    std::uint32_t generation = 0;
    std::string state; // worker_state's name, or "given up"
    std::uint32_t block = 0;
    std::uint32_t connections = 0; // open, as the worker says itself; the next three too
    std::uint32_t connections_max = 0xffffffff; // all ones: as many as come
    std::uint32_t in_flight = 0;                // requests being answered
    std::uint64_t requests = 0;                 // answered
    std::uint32_t unacknowledged = 0;           // connections passed and not yet taken over
    std::uint64_t starts = 0;                   // workers that this seat has had
    std::uint64_t changes_dropped = 0;          // not relayed to this seat: its channel was full
};
BOOST_DESCRIBE_STRUCT(worker, (),
                      (seat, id, pid, generation, state, block, connections, connections_max,
                       in_flight, requests, unacknowledged, starts, changes_dropped))

struct verdict
{
    static constexpr std::uint16_t type = 227;
    bool done = false;
    std::uint32_t generation = 0; // that serves now
    std::string text;             // why not; several lines
};
BOOST_DESCRIBE_STRUCT(verdict, (), (done, generation, text))

struct done
{
    static constexpr std::uint16_t type = 228;
};
BOOST_DESCRIBE_STRUCT(done, (), ())

// Instead of any answer: why not, one line for people.
struct refused
{
    static constexpr std::uint16_t type = 229;
    std::string reason;
};
BOOST_DESCRIBE_STRUCT(refused, (), (reason))

} // namespace covey::protocol::control

namespace covey::protocol {

using from_tool = std::variant<control::hello, control::lend_segment, control::list_workers,
                               control::reload, control::scale, control::stop>;
using to_tool = std::variant<control::cluster, control::segment, control::worker, control::verdict,
                             control::done, control::refused>;

} // namespace covey::protocol
