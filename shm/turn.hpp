// turn: whose turn it is to accept from listening sockets that all workers share.
//
// Only the block that has the turn keeps those sockets in its epoll set, so one connect wakes one
// worker, and who is next is decided by load rather than by the kernel's wait queue. One word of
// the header names the block, `takers` has a bit for every block that accepts at all. The turn is
// advice: accept(2) decides who has a connection, so a block that acts on an old turn does no harm.
//
// Whoever changes one of the two settles afterwards: is the turn a taker's? If not, it is given to
// one, and that is looked at again. A taker that leaves clears its bit before it looks at the turn;
// who gives the turn moves the word before it looks at the bit: one of the two sees the other. All
// of it is sequentially consistent. Who dies in between is reaped, and the reaper settles and rings
// every bell. So once the dead are reaped, there is a taker that has the turn and was rung for it,
// or there is no taker; tests/shm/turn_model.test.cpp explores the interleavings. A taker that is
// alive and does not move is the watch's.
#pragma once

#include "arena.hpp"
#include "participant.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace covey {

namespace shm {

// Takes the block out of the takers and settles: a worker that drains, or the reaper of a dead one.
void leave_turns(arena const& memory, doorbells const& bells, std::uint32_t block);

} // namespace shm

// A worker's part in it. All calls from the participant's thread; none blocks, and passing costs
// one write to an eventfd. Who has got the turn finds its doorbell rung.
class accept_turn
{
  public:
    // Joins the takers. `who` outlives this.
    explicit accept_turn(participant& who);
    ~accept_turn() { leave(); }
    accept_turn(accept_turn const&) = delete;
    accept_turn& operator=(accept_turn const&) = delete;

    void leave(); // it takes no more connections

    // Also shows that this worker moves: call it when the doorbell was rung.
    bool is_ours() const;
    bool has_room() const; // below its limit of connections

    // After each connection accepted: passes the turn to the taker with the fewest connections
    // when that has clearly fewer, or when this one is at its limit.
    void balance();

    // Before a request is handled: passes the turn to a taker that has none in hand. So whoever is
    // busy, or never comes back, does not hold the door.
    void offer();

    // This worker cannot accept for a while: passes the turn to anybody with room.
    void pass_on();

    // This worker has room again: takes the turn from one that has none.
    void claim();

  private:
    void pass(std::uint32_t to);

    participant& who_;
    bool joined_ = true;
};

// The master's part: it looks while connections wait.
class turn_watch
{
  public:
    turn_watch(std::shared_ptr<shm::arena> memory, std::shared_ptr<doorbells const> bells);

    // Connections have waited since the last look. If the block that has the turn has not moved
    // since, another gets it, and the one that stands is passed over until it hears its doorbell.
    // True when it was so.
    bool look();

    void forget(); // nothing waits: the next look is a first one

  private:
    struct sight
    {
        std::uint64_t turn = 0;
        std::uint64_t requests = 0;
        std::uint32_t connections = 0;
        bool operator==(sight const&) const = default;
    };

    std::shared_ptr<shm::arena> memory_;
    std::shared_ptr<doorbells const> bells_;
    std::optional<sight> seen_;
};

} // namespace covey
