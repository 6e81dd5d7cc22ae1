// Why a segment cannot be attached, each told by when it happens.
#pragma once

#include <boost/system/error_code.hpp>
#include <type_traits>

namespace covey::shm {

enum class error {
    // The handle is no covey segment: too small, or another magic number.
    not_a_segment = 1,
    // Its creator died, or has not finished, before the segment was ready.
    not_ready,
    // Another version of the layout, or another size than the schema gives.
    wrong_layout,
    // The segment was made from another schema.
    schema_differs,
    // The schema it carries cannot be read: it is damaged, or of a version that knows more.
    bad_schema,
};

boost::system::error_code make_error_code(error code) noexcept;

} // namespace covey::shm

template <>
struct boost::system::is_error_code_enum<covey::shm::error> : std::true_type
{};
