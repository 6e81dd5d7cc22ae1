// schema_difference: what differs between two schemas, field by field and member by member, as
// sentences: why a segment is refused, what a snapshot's rows became.
#pragma once

#include "row_type.hpp"
#include "schema.hpp"

#include <string>
#include <vector>

namespace covey {

// "field rows: the row was i64 and is i32"; none when the schemas are equal.
std::vector<std::string> differences(schema const& was, schema const& is);

// "member hits was u32 at byte 40 and is u64 at byte 40", "member age is new".
std::vector<std::string> differences(row_type const& was, row_type const& is);

} // namespace covey
