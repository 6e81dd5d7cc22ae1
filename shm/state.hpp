// state: the base of a program's schema: a struct whose fields name themselves.
//
//   struct board : covey::state {
//       covey::counter                            visits{*this, "visits"};
//       covey::map<covey::text<32>, std::int64_t> scores{*this, "scores", covey::capacity{10'000}};
//   };
//
// The struct is a view, neither copied nor moved: it collects its fields while it is made, gives
// their schema, and once bound to a participant reads and writes the segment. Names, kinds, types
// and capacities decide the segment's size and fingerprint. A view is used by one thread.
#pragma once

#include "participant.hpp"
#include "schema.hpp"

#include <memory>
#include <vector>

namespace covey {

class field;

class state
{
  public:
    state();
    ~state();
    state(state const&) = delete;
    state& operator=(state const&) = delete;

    schema const& described() const { return schema_; }

    // Connects every field to the participant's segment, whose schema must be this one's
    // (segment::attach has checked it). Reading or writing before that is a COVEY_ASSERT.
    void bind(participant& who);

  private:
    friend class field;
    friend class transaction;
    std::uint32_t add(field& made, field_description described); // throws std::invalid_argument

    schema schema_;
    std::vector<field*> fields_;
    participant* who_ = nullptr;
};

} // namespace covey
