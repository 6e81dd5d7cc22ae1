// entry_text: a row of a state in words.
#pragma once

#include <covey/shm/inspect.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace coveyctl {

// {"key":...,"row":...,"revision":...}, and what else there is of "lives_ns", "deliveries",
// "leased_by", "pid". Without a key or a revision where there is none.
std::string entry_json(covey::field_entry const& entry);

// "popped twice, leased by block 3 (process 1234)"
std::string item_text(covey::item_facts const& item);

// Names of `known` that are nearly `word`, or all: "did you mean 'scores'?".
std::string suggestion(std::string_view word, std::vector<std::string> const& known);

} // namespace coveyctl
