// events: what a master tells about its workers, under the names that Node's cluster uses.
//
//   a worker's life   fork, online, listening (for each listener), ready, then disconnect and exit
//                     in either order, then close: each exactly once
//   in between        message; suicide when it says that it is going to leave
//   trouble           error (a worker could not be started), giveup (restarts have been given up)
//   the cluster       setup; reload_started, then reload_done or reload_failed; drain
//
// Handlers are called from the master's loop, never inside a call of the master, in the order in
// which things happened: first the master's, then the worker's own. One that throws is logged and
// harms no other.
#pragma once

#include "exit_status.hpp"
#include "worker_ref.hpp"

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace covey {

struct message;

enum class event_kind {
    setup,          // master::setup was called
    fork,           // a worker has been forked
    online,         // it runs and has said so
    listening,      // it serves clients of `address`
    ready,          // it is set up
    message,        // it has sent `said`
    suicide,        // it is going to leave because of `text`; its replacement is being started
    disconnect,     // its channel has ended
    exit,           // its process has ended
    close,          // that, and what it wrote to captured descriptors has been read to the end
    error,          // a worker could not be started: `failed`, `text`
    giveup,         // too many failures: no worker is started until reset_restarts() or reload()
    reload_started, // `generation` is being started
    reload_done,    // it serves, and the one before is draining
    reload_failed,  // it has been given up and the old one goes on; `text` says why
    drain,          // its channel, which had refused a message, takes messages again
};

std::string_view name(event_kind kind);

struct event
{
    event_kind kind{};
    worker_ref worker = {};                // empty when it is about no single worker
    std::uint32_t generation = 0;          // reload_*
    std::string address = {};              // listening: "127.0.0.1:8080", with the real port
    exit_status status = {};               // exit
    bool possibly_oom = false;             // exit: SIGKILL that this master has not sent
    boost::system::error_code failed = {}; // error
    std::string text = {};                 // for people; several lines perhaps
    covey::message* said = nullptr;        // message: the handler may take handles out of it
};

} // namespace covey
