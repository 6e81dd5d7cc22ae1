#include "error.hpp"

#include <string>

namespace covey::process {

namespace {

class process_category final : public boost::system::error_category
{
  public:
    char const* name() const noexcept override { return "covey.process"; }
    std::string message(int code) const override
    {
        return static_cast<error>(code) == error::output_too_long
                   ? "the program wrote more than was allowed"
                   : "unknown error of a process";
    }
};

constexpr process_category category;

} // namespace

boost::system::error_code make_error_code(error code) noexcept
{
    return {static_cast<int>(code), category};
}

} // namespace covey::process
