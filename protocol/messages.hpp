// messages: everything a master and a worker can say to each other.
//
// The set is closed: one plain struct a message, one variant a direction. A message's number on
// the wire is its `type`; numbers are never reused. README.md tells the conversation: who says
// what when. "Handles" names what travels beside a message; a message with other handles is an
// error of the sender (error::wrong_handles).
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace covey::protocol {

// ---- master to worker ------------------------------------------------------------------------

// The first message: who you are. Handles: [segment].
struct welcome
{
    static constexpr std::uint16_t type = 1;
    std::uint32_t version = 0;
    std::uint64_t id = 0;         // never reused in the life of a master
    std::uint32_t seat = 0;       // 0 .. seats - 1
    std::uint32_t generation = 0; // counts reloads
    std::uint32_t seats = 0;      // how many doorbells follow
    std::string name;             // the cluster's name, for logs
    std::string log_level;
    std::string log_format;
    std::uint64_t busy_poll_us = 0;
    std::uint64_t drain_deadline_ms = 0;
};
BOOST_DESCRIBE_STRUCT(welcome, (),
                      (version, id, seat, generation, seats, name, log_level, log_format,
                       busy_poll_us, drain_deadline_ms))

// The doorbells of seats first_seat, first_seat + 1, ... Handles: 1 to 64 eventfds.
struct doorbells
{
    static constexpr std::uint16_t type = 2;
    std::uint32_t first_seat = 0;
};
BOOST_DESCRIBE_STRUCT(doorbells, (), (first_seat))

// A listening socket to accept from. Handles: [socket], non-blocking. In the policies where the
// master accepts, listeners are announced without a handle, for their address alone.
struct listener
{
    static constexpr std::uint16_t type = 3;
    std::uint32_t index = 0;
    std::string address; // as printed in the ready line: "127.0.0.1:8080", "unix:/run/x.sock"
};
BOOST_DESCRIBE_STRUCT(listener, (), (index, address))

// All doorbells and listeners have been sent: attach, set up, then say ready.
struct begin
{
    static constexpr std::uint16_t type = 4;
    std::uint32_t listeners = 0;
};
BOOST_DESCRIBE_STRUCT(begin, (), (listeners))

// An accepted connection. Answer `accepted` before the first read, or `rejected`.
// Handles: [socket], non-blocking.
struct connection
{
    static constexpr std::uint16_t type = 5;
    std::uint64_t ticket = 0;
    std::uint32_t listener = 0;
};
BOOST_DESCRIBE_STRUCT(connection, (), (ticket, listener))

// Stop accepting, finish what is in flight, exit with worker_exit::planned.
struct stop
{
    static constexpr std::uint16_t type = 6;
    std::uint64_t deadline_ms = 0; // from now; 0 = at once
};
BOOST_DESCRIBE_STRUCT(stop, (), (deadline_ms))

// ---- worker to master ------------------------------------------------------------------------

// The worker's first message.
struct hello
{
    static constexpr std::uint16_t type = 64;
    std::uint32_t version = 0;
    std::int64_t pid = 0;
};
BOOST_DESCRIBE_STRUCT(hello, (), (version, pid))

// The worker cannot serve (its schema differs, its set-up threw); it exits with code 78 next.
struct refused
{
    static constexpr std::uint16_t type = 65;
    std::string reason; // several lines, for people
};
BOOST_DESCRIBE_STRUCT(refused, (), (reason))

// Set up and listening: send connections.
struct ready
{
    static constexpr std::uint16_t type = 66;
};
BOOST_DESCRIBE_STRUCT(ready, (), ())

// The connection with this ticket is the worker's now.
struct accepted
{
    static constexpr std::uint16_t type = 67;
    std::uint64_t ticket = 0;
};
BOOST_DESCRIBE_STRUCT(accepted, (), (ticket))

// The worker will not serve this connection (it is stopping): give it to a sibling.
struct rejected
{
    static constexpr std::uint16_t type = 68;
    std::uint64_t ticket = 0;
};
BOOST_DESCRIBE_STRUCT(rejected, (), (ticket))

// From now on send this worker every `change` that others relay.
struct watch_changes
{
    static constexpr std::uint16_t type = 69;
};
BOOST_DESCRIBE_STRUCT(watch_changes, (), ())

// ---- both ways -------------------------------------------------------------------------------

// One committed change, for subscribers without the segment: a worker sends it to the master, the
// master passes it on to every other worker that said watch_changes.
struct change
{
    static constexpr std::uint16_t type = 128;
    std::uint32_t field = 0;
    std::uint8_t kind = 0; // shm's change_kind
    std::uint64_t revision = 0;
    std::vector<unsigned char> key;
    std::vector<unsigned char> row; // empty for an erase
};
BOOST_DESCRIBE_STRUCT(change, (), (field, kind, revision, key, row))

using from_master = std::variant<welcome, doorbells, listener, begin, connection, stop, change>;
using from_worker = std::variant<hello, refused, ready, accepted, rejected, watch_changes, change>;

} // namespace covey::protocol
