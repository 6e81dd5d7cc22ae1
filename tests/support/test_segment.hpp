// test_segment: a segment of a schema with some participants, each with its own view of the state,
// as threads of this process or as forked children would have them.
#pragma once

#include "every_change.hpp"

#include <covey/shm/participant.hpp>
#include <covey/shm/segment.hpp>
#include <covey/shm/state.hpp>
#include <covey/shm/subscription.hpp>
#include <cstdint>
#include <memory>
#include <unistd.h>
#include <vector>

namespace covey::test {

// One block: its participant and its view.
template <class State>
struct member
{
    member(segment const& where, std::uint32_t block, doorbells const& bells)
        : who{where, block, copy(bells)}
    {
        view.bind(who);
    }
    static doorbells copy(doorbells const& bells)
    {
        std::vector<handle> copies;
        for (auto const& bell : bells.handles())
            copies.push_back(bell.duplicate());
        return doorbells{std::move(copies),
                         bells.relay().is_open() ? bells.relay().duplicate() : handle{}};
    }

    participant who;
    State view;
};

template <class State>
class test_segment
{
  public:
    explicit test_segment(std::uint32_t blocks)
        : memory{segment::create(State{}.described(), blocks, "test")}
        , bells{doorbells::make(blocks)}
    {
        for (std::uint32_t block = 0; block != blocks; ++block)
            memory.open_block(block, {.pid = ::getpid(), .id = block + 1, .generation = 1});
    }

    // A member over the segment's own mapping.
    std::unique_ptr<member<State>> join(std::uint32_t block) const
    {
        return std::make_unique<member<State>>(memory, block, bells);
    }

    // Another mapping of the same memory, as another process has it.
    segment attach() const { return segment::attach(memory.lend(), State{}.described()); }

    segment memory;
    doorbells bells;
};

} // namespace covey::test
