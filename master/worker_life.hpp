// worker_life: one worker as this process holds it: its process, its channel, what it says and
// what it writes. It decides nothing: what happens goes to its owner, who asks the supervisor.
//
// What the worker says is untrusted: a message that is out of place makes it broken, never the
// master. Its process and its channel end apart from each other, and both count: what it said
// before it died is still to be read, above all which connections it had taken over.
#pragma once

#include "captured_output.hpp"
#include "channel_counts.hpp"
#include "child_process.hpp"
#include "event_board.hpp"
#include "handover.hpp"
#include "introduction.hpp"

#include <boost/asio/steady_timer.hpp>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/messenger.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace covey::supervision {

class worker_life;

// Who a life belongs to. Told from the loop, never inside a call into the life; asked by
// worker_ref.
class life_owner
{
  public:
    virtual void on_online(worker_life& life) = 0;
    virtual void on_said(worker_life& life, protocol::listening const& said) = 0;
    virtual void on_said(worker_life& life, protocol::ready const& said) = 0;
    virtual void on_said(worker_life& life, protocol::suicide const& said) = 0;
    virtual void on_said(worker_life& life, protocol::refused const& said) = 0;
    virtual void on_said(worker_life& life, protocol::awake const& said) = 0;
    virtual void on_said(worker_life& life, protocol::room const& said) = 0;
    virtual void on_said(worker_life& life, protocol::change const& said) = 0;
    virtual void on_message(worker_life& life, message said) = 0;
    virtual net::awaitable<datum> on_request(worker_life& life, message said) = 0;
    virtual void on_drained(worker_life& life) = 0; // it takes messages again
    virtual void on_room(worker_life& life) = 0;    // it can perhaps be passed a connection again
    virtual void on_rejected(worker_life& life, passed_connection connection) = 0;
    virtual void on_broken(worker_life& life, std::string const& reason) = 0;
    virtual void on_disconnected(worker_life& life) = 0; // its channel has been read to its end
    virtual void on_exited(worker_life& life, exit_status const& status) = 0;
    virtual void on_closed(worker_life& life) = 0; // and what it wrote; the last call

    virtual channel_counts& counts() = 0;
    virtual worker_state state_of(std::uint64_t id) const = 0;
    virtual bool is_leaving_by_wish(std::uint64_t id) const = 0;
    virtual void disconnect(std::uint64_t id) = 0;
    virtual void stop(std::uint64_t id, std::chrono::milliseconds deadline) = 0;
    virtual void recycle(std::uint64_t id) = 0;

  protected:
    ~life_owner() = default;
};

struct life_identity
{
    std::uint64_t id = 0;
    std::uint32_t seat = 0;
    std::uint32_t block = 0;
    std::uint32_t generation = 0;
};

class worker_life : public std::enable_shared_from_this<worker_life>
{
  public:
    // A worker to come: a worker_ref can lead to it before it is forked.
    worker_life(net::any_io_executor executor, std::uint32_t seat);

    // Forks, once. `first` is sent when the worker has said hello. When `captured` is set and
    // the program leaves standard error alone, what the worker writes there passes through here
    // until it is ready. Throws system_error; then this life is over.
    void start(life_identity const& who, worker_program program, introduction first, bool captured,
               life_owner& owner);

    // ---- orders ----
    void stop(protocol::stop const& order);
    bool signal(int number) const noexcept; // false when it has ended: nobody gets the signal
    void disconnect();       // sends what is queued, waits for acknowledgements, ends the channel
    void abandon() noexcept; // ends it, tells nobody; waits for the process to be gone
    void let_go_of_output(); // what still writes to it is not the worker

    // It leaves in the loop's next turn, with those that are passed before it. False, and the
    // connection stays the caller's, when the channel takes nothing now.
    bool pass(passed_connection& connection);

    // Sends a change if the worker watches. False when it was dropped for want of room.
    bool relay(protocol::change const& change);

    // ---- words; before the worker is online they wait ----
    send_status say(datum const& body, std::vector<passed_handle> handles);
    messenger& words() { return messenger_; }
    void answer_requests(); // until then they wait, within the messenger's window

    // ---- looks ----
    life_identity const& who() const { return who_; }
    std::int64_t pid() const; // 0 when there is no process
    worker_state state() const;
    bool is_connected() const;
    bool has_exited() const { return started_ && !process_alive_; }
    bool is_over() const { return started_ && !process_alive_ && !channel_open_; }
    bool left_by_wish() const;
    bool takes_connections() const { return is_connected() && !full_; }
    std::uint32_t unacknowledged() const { return static_cast<std::uint32_t>(handover_.size()); }
    std::vector<passed_connection> take_unacknowledged() { return handover_.take_all(); }
    std::string last_words() const;
    event_handlers& handlers() { return handlers_; }
    worker_ref ref() { return worker_ref{shared_from_this()}; }
    life_owner* owner() const { return owner_; } // none before its start and after its end

    // The owner's last word about it, for when it is gone.
    void settle(bool by_wish) { left_by_wish_ = by_wish; }

  private:
    using outgoing = std::pair<protocol::from_master, std::vector<shared_handle>>;
    messenger::carrier carrier();
    send_status send(protocol::from_master message, std::vector<shared_handle> handles = {});
    bool send_waiting();
    void unheard();
    void receive();
    void hear(protocol::envelope<protocol::from_worker> in);
    void heard(protocol::hello const& said);
    void heard(protocol::accepted const& said);
    void heard(protocol::rejected const& said);
    void heard(protocol::watch_changes const& said);
    template <class Fact>
    void heard(Fact const& said);

    void broken(shm::bad_frame why, std::string const& what);
    void send_connections();
    void when_drained();
    void drained();
    void part_when_done();
    void channel_ended(boost::system::error_code reason);
    void process_ended(exit_status const& status);
    void wait_for_last_word(int times);
    void close_when_over();

    net::any_io_executor executor_;
    life_identity who_;
    life_owner* owner_ = nullptr;
    event_handlers handlers_;

    std::optional<protocol::master_channel> channel_;
    std::optional<child_process> process_;
    std::shared_ptr<captured_output> output_; // none when it is not captured
    net::steady_timer last_word_;

    messenger messenger_;
    introduction first_;           // until it has said hello
    std::deque<outgoing> waiting_; // for hello, or for room in the channel
    std::deque<messenger::drained_handler> drain_waiters_;
    bool started_ = false;
    bool said_hello_ = false;
    bool watches_changes_ = false;
    bool full_ = false;         // the channel has refused a connection and is draining
    bool refused_word_ = false; // and the application has not heard yet that there is room
    bool is_unheard_ = false;   // it has stopped reading
    bool parting_ = false;      // disconnect() has been called
    bool flushed_ = false;      // and all that was said has arrived
    bool waits_for_drain_ = false;
    bool channel_open_ = false;
    bool process_alive_ = false;
    bool output_open_ = false;
    bool left_by_wish_ = false;
    bool heard_lately_ = false;
    bool sending_connections_ = false; // in the loop's next turn
    handover handover_;
};

} // namespace covey::supervision
