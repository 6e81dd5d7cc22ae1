// spare_fields: fields that nobody needs any more, kept with their memory, so that the next request
// and the next answer ask for none. One store a thread; what is large or too much is given up.
#pragma once

#include "message.hpp"

#include <string_view>
#include <vector>

namespace covey::http::spare_fields {

// At the end of `to`, whose own memory is a spare one when it has none yet.
void add(std::vector<request::field>& to, std::string_view name, std::string_view value);

// Takes every field out of `from`, which keeps its own memory.
void take_back(std::vector<request::field>& from);

// The same, and the memory of `from`, too.
void take_back_all(std::vector<request::field>& from);

} // namespace covey::http::spare_fields
