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

// The first message: who you are. Handles: [segment] or [segment, the relay's doorbell]: with the
// second the worker leaves the ringing of many sleepers to the master.
struct welcome
{
    static constexpr std::uint16_t type = 1;
    std::uint32_t version = 0;
    std::uint64_t id = 0;         // never reused in the life of a master
    std::uint32_t seat = 0;       // kept by whoever replaces this worker
    std::uint32_t generation = 0; // counts reloads
    std::uint32_t block = 0;      // the worker's own in the segment: 0 .. blocks - 1
    std::uint32_t blocks = 0;     // how many doorbells follow
    std::string name;             // the cluster's name, for logs
    std::string log_level;
    std::string log_format;
    std::uint64_t busy_poll_us = 0;
    std::uint64_t drain_deadline_ms = 0;
    std::uint64_t beat_ms = 0; // how often a worker that has connections must beat at least
    bool takes_turns = false;  // its listening sockets are shared: accept when it is its turn
    std::uint32_t connections_max = 0xffffffff; // open at a time; all ones: as many as come
};
BOOST_DESCRIBE_STRUCT(welcome, (),
                      (version, id, seat, generation, block, blocks, name, log_level, log_format,
                       busy_poll_us, drain_deadline_ms, beat_ms, takes_turns, connections_max))

// The doorbells of blocks first_block, first_block + 1, ... Handles: 1 to 64 eventfds.
struct doorbells
{
    static constexpr std::uint16_t type = 2;
    std::uint32_t first_block = 0;
};
BOOST_DESCRIBE_STRUCT(doorbells, (), (first_block))

// A listening socket to accept from. Handles: [socket], non-blocking. In the policies where the
// master accepts, listeners are announced without a handle, for their address alone.
struct listener
{
    static constexpr std::uint16_t type = 3;
    std::uint32_t index = 0;
    std::string address; // as printed in the ready line: "127.0.0.1:8080", "unix:/run/x.sock"
};
BOOST_DESCRIBE_STRUCT(listener, (), (index, address))

// All doorbells and listeners have been sent: attach, set up, then say listening for each listener
// and ready. Handles: [] or [standard error]: what the worker wrote to it so far went to the
// master, for whoever asks why a worker does not come up; a worker that is ready makes this its
// own.
struct begin
{
    static constexpr std::uint16_t type = 4;
    std::uint32_t listeners = 0;
};
BOOST_DESCRIBE_STRUCT(begin, (), (listeners))

// Accepted connections with the tickets `ticket`, `ticket` + 1, ... Answer `accepted` before the
// first read, or `rejected`. Handles: 1 to 64 sockets, non-blocking, in the order of the tickets.
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
    std::uint64_t spread_ms = 0;   // end idle connections and streams spread over this time
};
BOOST_DESCRIBE_STRUCT(stop, (), (deadline_ms, spread_ms))

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

// Clients of this listener are this worker's from now on: it accepts itself, or takes what it is
// passed. Before ready.
struct listening
{
    static constexpr std::uint16_t type = 70;
    std::uint32_t index = 0;
};
BOOST_DESCRIBE_STRUCT(listening, (), (index))

// It is going to leave by itself: it takes no new connection, finishes what it has and exits.
// Start its replacement now.
struct suicide
{
    static constexpr std::uint16_t type = 71;
    std::string reason; // for people
};
BOOST_DESCRIBE_STRUCT(suicide, (), (reason))

// It has something to do again: watch its beats until it has not.
struct awake
{
    static constexpr std::uint16_t type = 72;
};
BOOST_DESCRIBE_STRUCT(awake, (), ())

// It has had as many connections as it takes, and takes more again: its load says how many. What
// the load says does not wake the master, this does.
struct room
{
    static constexpr std::uint16_t type = 73;
};
BOOST_DESCRIBE_STRUCT(room, (), ())

// Set up and listening: send connections.
struct ready
{
    static constexpr std::uint16_t type = 66;
};
BOOST_DESCRIBE_STRUCT(ready, (), ())

// The connection with this ticket, and each before it that has not been answered, is the worker's
// now.
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

enum class talk_kind : std::uint8_t {
    message = 0,   // number: 0, or one to acknowledge its handles by
    request = 1,   // number: for its reply, and to acknowledge its handles by
    reply = 2,     // to the peer's request of that number
    failure = 3,   // in its place; the body says why
    taken = 4,     // the handles of the peer's message or request have arrived
    lost = 5,      // they have not: send them again
    again = 6,     // the handles of an earlier message or request, without its body
    withdrawn = 7, // they will not come: forget it
    credit = 8,    // number: bytes that the application has taken
};

// What applications say to each other; messenger.hpp gives it its meaning. No application can say
// anything else, so none can forge a message of the house. Handles: as many as there are kinds.
struct talk
{
    static constexpr std::uint16_t type = 129;
    std::uint8_t kind = 0;            // talk_kind
    std::uint64_t number = 0;         // of the request, and of its reply; 0 in a message
    std::vector<unsigned char> body;  // one msgpack value
    std::vector<unsigned char> kinds; // a handle_kind for each handle
};
BOOST_DESCRIBE_STRUCT(talk, (), (kind, number, body, kinds))

using from_master =
    std::variant<welcome, doorbells, listener, begin, connection, stop, change, talk>;
using from_worker = std::variant<hello, refused, listening, ready, suicide, awake, room, accepted,
                                 rejected, watch_changes, change, talk>;
using from_peer = std::variant<talk>; // on a channel that carries applications alone

} // namespace covey::protocol
