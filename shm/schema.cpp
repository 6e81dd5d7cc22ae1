#include "schema.hpp"

#include <xxhash.h>

namespace covey {

std::string_view name(field_kind kind)
{
    switch (kind) {
    case field_kind::counter:
        return "counter";
    case field_kind::value:
        return "value";
    case field_kind::map:
        return "map";
    }
    return "unknown";
}

std::string schema::text() const
{
    std::string out;
    for (auto const& field : fields) {
        out.append(name(field.kind)).append(" ").append(field.name).append(" ");
        if (!field.key_type.empty())
            out.append(field.key_type).append(" -> ");
        out.append(field.row_type);
        if (field.kind == field_kind::map)
            out.append(", capacity ").append(std::to_string(field.capacity));
        out.append("\n");
    }
    return out;
}

std::uint64_t schema::fingerprint() const
{
    auto const described = text();
    return XXH3_64bits(described.data(), described.size());
}

} // namespace covey
