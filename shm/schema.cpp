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
    case field_kind::gauge:
        return "gauge";
    case field_kind::maximum:
        return "maximum";
    case field_kind::minimum:
        return "minimum";
    case field_kind::histogram:
        return "histogram";
    case field_kind::rate_limiter:
        return "rate_limiter";
    case field_kind::lock:
        return "lock";
    case field_kind::leader:
        return "leader";
    case field_kind::ring:
        return "ring";
    case field_kind::queue:
        return "queue";
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
        if (has_rows(field.kind) && field.kind != field_kind::value)
            out.append(", capacity ").append(std::to_string(field.capacity));
        if (field.bound != 0)
            out.append(", room ").append(std::to_string(field.room));
        if (field.keep.expires)
            out.append(", expires");
        if (field.keep.full != when_full::reject)
            out.append(field.keep.full == when_full::evict ? ", evicts" : ", expires to make room");
        if (!field.scale.empty())
            out.append(", ").append(field.scale);
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
