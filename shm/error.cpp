#include "error.hpp"

#include <string>

namespace covey::shm {

namespace {

class category final : public boost::system::error_category
{
  public:
    char const* name() const noexcept override { return "covey.shm"; }
    std::string message(int code) const override
    {
        switch (static_cast<error>(code)) {
        case error::not_a_segment:
            return "this is not a covey segment";
        case error::not_ready:
            return "the segment is not ready: its creator has not finished";
        case error::wrong_layout:
            return "the segment has another layout version or size";
        case error::schema_differs:
            return "the segment was made from another schema";
        case error::bad_schema:
            return "the segment's schema cannot be read";
        }
        return "unknown error";
    }
};

} // namespace

boost::system::error_code make_error_code(error code) noexcept
{
    static category const instance;
    return {static_cast<int>(code), instance};
}

} // namespace covey::shm
