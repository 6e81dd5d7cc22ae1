// test_segment: a segment of a schema with some participants, each with its own view of the state,
// as threads of this process or as forked children would have them.
#pragma once

#include <covey/shm/participant.hpp>
#include <covey/shm/segment.hpp>
#include <covey/shm/state.hpp>
#include <covey/shm/subscription.hpp>
#include <cstdint>
#include <memory>
#include <unistd.h>
#include <vector>

namespace covey::test {

// One seat: its participant and its view.
template <class State>
struct member
{
    member(segment const& where, std::uint32_t seat, doorbells const& bells)
        : who{where, seat, copy(bells)}
    {
        view.bind(who);
    }
    static doorbells copy(doorbells const& bells)
    {
        std::vector<handle> copies;
        for (auto const& bell : bells.handles())
            copies.push_back(bell.duplicate());
        return doorbells{std::move(copies)};
    }

    participant who;
    State view;
};

template <class State>
class test_segment
{
  public:
    explicit test_segment(std::uint32_t seats)
        : memory{segment::create(State{}.described(), seats, "test")}
        , bells{doorbells::make(seats)}
    {
        for (std::uint32_t seat = 0; seat != seats; ++seat)
            memory.open_seat(seat, {.pid = ::getpid(), .id = seat + 1, .generation = 1});
    }

    // A member over the segment's own mapping.
    std::unique_ptr<member<State>> join(std::uint32_t seat) const
    {
        return std::make_unique<member<State>>(memory, seat, bells);
    }

    // Another mapping of the same memory, as another process has it.
    segment attach() const { return segment::attach(memory.lend(), State{}.described()); }

    segment memory;
    doorbells bells;
};

} // namespace covey::test
