#include "blob.hpp"

#include "layout.hpp"

#include <utility>

namespace covey::detail {

void describe_body(field_description& into, std::string type, std::size_t bound, room pool)
{
    auto const chunks = (bound + shm::chunk_room - 1) / shm::chunk_room;
    auto const values = into.capacity + std::min<std::uint64_t>(into.capacity, 16);
    into.row_type = std::move(type);
    into.row_bytes = 8 * shm::body_words;
    into.bound = bound;
    into.room = pool.bytes != 0 ? pool.bytes : values * chunks * shm::chunk_bytes;
}

} // namespace covey::detail
