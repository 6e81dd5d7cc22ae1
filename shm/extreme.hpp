// maximum and minimum: the greatest or the least number that any worker has recorded.
//
// A cache line a block, which only its worker writes: a record that is no new extreme of this
// worker costs one load. It survives any death, as the block's line stays. Announces nothing; a
// handler of on_change is called when the extreme is another, at most once a dispatch.
//
// A lane holds the number moved so that 0, which memory begins with, means that there is none and
// greater is more extreme; so the one number that is no extreme at all cannot be told from none:
// INT64_MIN as a maximum, INT64_MAX as a minimum.
#pragma once

#include "field.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace covey {

class extreme : public field
{
  public:
    using change = extreme_change;

    void record(std::int64_t number);

    // None until somebody has recorded one.
    std::optional<std::int64_t> get() const;

    // Forgets what every worker has recorded. What is recorded at the same moment may be forgotten
    // too, or be all that remains.
    void reset();

    template <class Handler>
    void tell(raw_change const&, Handler& handler)
    {
        handler(change{.number = get()});
    }

  protected:
    extreme(state& owner, std::string name, field_kind kind);
    ~extreme() = default;

  private:
    std::uint64_t moved(std::int64_t number) const;

    field_kind kind_;
};

class maximum : public extreme
{
  public:
    maximum(state& owner, std::string name);
};

class minimum : public extreme
{
  public:
    minimum(state& owner, std::string name);
};

} // namespace covey
