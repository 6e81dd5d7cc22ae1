// json: the objects that the board speaks of, as JSON text. Boost.JSON stays in the .cpp.
#pragma once

#include "schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace board::json {

// {"player":"anna","points":5}; points are null for a player who is gone.
std::string score(std::string_view player, std::optional<std::int64_t> points);

// {"anna":5,"bert":-1}, by name.
std::string scores(schema const& state);

// {"pid":4242,"worker":7,"seat":1,"generation":0}
std::string whoami(covey::worker<schema> const& who);

// Whether JSON can carry these bytes as a string, which means that they are UTF-8.
bool is_text(std::string_view bytes);

} // namespace board::json
