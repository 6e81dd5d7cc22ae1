// event_stream: server-sent events for any number of clients from one source.
//
//   auto feed = std::make_shared<http::event_stream>(
//       worker.get_executor(),
//       http::event_stream::options{.since = worker.since(), .snapshot = ...});
//   worker.on_change(state.scores, [feed](auto const& change) { feed->publish({...}); });
//   worker.get("/events", [feed](http::request const& request) { return feed->open(request); });
//
// The stream must outlive the set-up function, so its handlers share it.
//
// A worker holds one subscription however many clients hang on it. The stream remembers the last
// `backlog` events. A client that comes with Last-Event-ID gets those it missed; if they are no
// longer remembered it gets one "reset" event and then the snapshot. A new client is told what
// happens from now on, and the id to resume from. A client that does not read `pending_bytes_max`
// is cut off (its browser reconnects and resumes). Events of one turn of the loop leave in one
// write a client. All calls on the worker's thread; nothing blocks.
#pragma once

#include "message.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace covey::http {

struct event
{
    std::uint64_t id = 0; // the change's revision; ids of one stream only rise
    std::string name;     // the `event:` line; empty for none
    std::string data;     // one or more lines
};

// Where a client without Last-Event-ID begins.
enum class event_start {
    now,      // with what happens next
    snapshot, // with the whole current state
};

class event_stream
{
  public:
    struct options
    {
        std::size_t backlog = 4096;              // events
        std::size_t pending_bytes_max = 1 << 20; // per client
        std::size_t clients_max = 10'000;        // per worker; one more gets 503
        std::chrono::milliseconds retry{1'000};  // told to clients: wait so long to reconnect
        std::chrono::seconds keep_alive{15};     // a comment line so often, so that proxies stay
        // Events after this id are known to the stream from its start (the revision at which the
        // worker attached).
        std::uint64_t since = 0;
        // The whole current state as events with the ids of their last changes, for a client whose
        // gap is not remembered.
        std::function<std::vector<event>()> snapshot;
    };

    event_stream(boost::asio::any_io_executor executor, options settings);
    ~event_stream(); // ends every client's response
    event_stream(event_stream const&) = delete;
    event_stream& operator=(event_stream const&) = delete;

    // To every client, and to the backlog. An event without an id is not remembered, nor is one
    // whose id does not rise.
    void publish(event const& happened);

    // Forgets the backlog and tells every client to start over (after a resync). Events up to
    // `until`, a resync's revision, were missed: the snapshot has what became of them, and a client
    // that comes back from before it starts over too.
    void reset(std::uint64_t until = 0);

    // The response that a GET handler returns.
    response open(request const& asked, event_start start = event_start::now);

    // The same for a client that polls (long polling): what it has missed since its Last-Event-ID,
    // in the same format, as soon as there is something; 204 when there is nothing for so long. A
    // client without one is answered at once, with the id to ask from next.
    //
    //   worker.get("/poll", [feed](http::request const& request) { return feed->poll(request); });
    //   worker.on_drain([feed](auto) { feed->end_polls(); });
    boost::asio::awaitable<response> poll(request const& asked,
                                          std::chrono::milliseconds wait = std::chrono::seconds{25},
                                          event_start start = event_start::now);

    // Answers all that wait in poll(), for a worker that leaves.
    void end_polls();

    std::size_t clients() const; // streams, and polls that wait

  private:
    struct core;
    std::shared_ptr<core> core_;
};

} // namespace covey::http
