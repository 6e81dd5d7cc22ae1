// field: what every field of a state knows: its name, its place in the schema, its participant.
#pragma once

#include "assert.hpp"
#include "change.hpp"
#include "state.hpp"
#include "watching.hpp"

#include <cstdint>
#include <string>

namespace covey {

namespace shm {
struct field_plan;
}

// How many rows a map holds: N means N, whatever the keys.
struct capacity
{
    std::uint64_t rows;
};

class field
{
  public:
    using watching = covey::watching; // what on_change takes; fields with rows have their own

    field(field const&) = delete;
    field& operator=(field const&) = delete;

    std::string const& name() const { return name_; }
    std::uint32_t index() const { return index_; } // its place in the schema

    // What a subscription calls.
    static raw_watching raw(covey::watching const& what)
    {
        return {.deliver = what.deliver, .own_changes = what.own_changes, .from = what.from};
    }

  protected:
    // Throws std::invalid_argument on a bad or doubled name.
    field(state& owner, field_description described);
    ~field() = default;

    // The participant the state is bound to; a COVEY_ASSERT before that.
    participant::core& who() const
    {
        COVEY_ASSERT(who_ != nullptr); // the state is not bound to a participant yet
        return *who_;
    }

    // Where it lies in that participant's segment.
    shm::field_plan const& places() const;

  private:
    friend class state;
    virtual void bound(participant::core&) {} // for fields that keep more than the participant

    std::string name_;
    std::uint32_t index_ = 0;
    participant::core* who_ = nullptr;
};

} // namespace covey
