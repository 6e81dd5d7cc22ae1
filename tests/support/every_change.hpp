// every_change: what on_change takes to hear each change of any field, one's own too.
#pragma once

#include <covey/shm/watching.hpp>

namespace covey::test {

struct every_change_watching
{
    template <class Watching>
    operator Watching() const
    {
        Watching what;
        what.deliver = delivery::every;
        what.own_changes = true;
        return what;
    }
};
inline constexpr every_change_watching every_change;

} // namespace covey::test
