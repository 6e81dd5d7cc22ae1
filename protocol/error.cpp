#include "error.hpp"

#include <string>

namespace covey::protocol {

namespace {

// Boost's base has friends, so GCC takes its protected destructor for an accessible one. Categories
// are never deleted.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class error_category final : public boost::system::error_category
{
  public:
    char const* name() const noexcept override { return "covey.protocol"; }

    std::string message(int value) const override
    {
        switch (static_cast<error>(value)) {
        case error::closed:
            return "the peer closed the channel";
        case error::truncated:
            return "the peer went away in the middle of a frame";
        case error::bad_frame:
            return "the peer sent a bad frame header";
        case error::unknown_message:
            return "the peer sent a message of an unknown type";
        case error::bad_message:
            return "the peer sent a malformed message";
        case error::wrong_handles:
            return "the peer sent the wrong number of handles";
        case error::handles_lost:
            return "handles were lost on the way: this process has too many descriptors open";
        case error::wrong_version:
            return "the peer speaks another protocol version";
        case error::request_failed:
            return "the peer could not answer the request";
        case error::too_many_requests:
            return "too many requests wait for their replies";
        case error::handles_undelivered:
            return "the peer could not take the handles: it has too many descriptors open";
        }
        return "unknown protocol error " + std::to_string(value);
    }
};
#pragma GCC diagnostic pop

} // namespace

boost::system::error_code make_error_code(error code) noexcept
{
    static error_category const category;
    return {static_cast<int>(code), category};
}

} // namespace covey::protocol
