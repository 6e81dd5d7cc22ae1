// field_watch: the changes of one field, as a program sees them that has no place in the segment.
//
// It may only read, so it can neither be rung nor say that it listens: whoever has one looks again
// and again. What a look finds is what workers' subscriptions tell, from the same rings, in the
// same order. Who looks too seldom is told that changes were missed, and goes on with the newest.
// Fields of plain words (counters, locks ...) announce nothing: a look tells what they are if that
// has changed since the last one.
#pragma once

#include "change.hpp"
#include "detail/function_ref.hpp"
#include "inspect.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace covey {

struct observed_change
{
    change_kind kind = change_kind::put; // a resync: changes were missed
    field_entry entry{};                 // without a row unless it was put
};

class field_watch
{
  public:
    // From now on. `seen` outlives it.
    field_watch(inspect const& seen, std::uint32_t field);
    ~field_watch();

    // Tells what has changed since the last look, oldest first; how much that was.
    using teller = detail::function_ref<void(observed_change const&)>;
    std::size_t look(teller tell);

  private:
    struct core;
    std::unique_ptr<core> core_;
};

} // namespace covey
