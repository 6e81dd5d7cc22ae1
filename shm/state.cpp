#include "state.hpp"

#include "assert.hpp"
#include "detail/participant_core.hpp"
#include "field.hpp"
#include "field_name.hpp"

#include <algorithm>
#include <stdexcept>

namespace covey {

state::state() = default;
state::~state() = default;

std::uint32_t state::add(field& made, field_description described)
{
    if (!is_field_name(described.name))
        throw std::invalid_argument{"field \"" + described.name +
                                    "\": a name is 1 to 64 of a-z, 0-9 and _"};
    auto const same = [&](auto const& other) { return other.name == described.name; };
    if (std::any_of(schema_.fields.begin(), schema_.fields.end(), same))
        throw std::invalid_argument{"field " + described.name + " is declared twice"};
    schema_.fields.push_back(std::move(described));
    fields_.push_back(&made);
    return static_cast<std::uint32_t>(fields_.size() - 1);
}

void state::bind(participant& who)
{
    auto& core = who.internals();
    COVEY_ASSERT(core.memory->places().fields.size() == fields_.size());
    who_ = &who;
    for (auto* field : fields_) {
        field->who_ = &core;
        field->bound(core);
    }
}

field::field(state& owner, field_description described)
    : name_{described.name}
    , index_{owner.add(*this, std::move(described))}
{}

shm::field_plan const& field::places() const
{
    return who().memory->places().fields[index_];
}

} // namespace covey
