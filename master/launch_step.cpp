#include "launch_step.hpp"

#include <string>

namespace covey::supervision {

namespace {

class step_category final : public boost::system::error_category
{
  public:
    constexpr explicit step_category(char const* doing)
        : doing_{doing}
    {}

    char const* name() const noexcept override { return "covey.launch"; }
    std::string message(int error) const override
    {
        return std::string{doing_} + ": " + boost::system::system_category().message(error);
    }
    boost::system::error_condition default_error_condition(int error) const noexcept override
    {
        return boost::system::system_category().default_error_condition(error);
    }

  private:
    char const* doing_;
};

constexpr step_category joining_group{"make a process group"};
constexpr step_category choosing_cpus{"run on these CPUs"};
constexpr step_category placing_descriptors{"place the descriptors"};
constexpr step_category becoming_user{"become the user"};
constexpr step_category entering_directory{"enter the directory"};

} // namespace

boost::system::error_code step_error(launch_step step, int error) noexcept
{
    switch (step) {
    case launch_step::group:
        return {error, joining_group};
    case launch_step::cpus:
        return {error, choosing_cpus};
    case launch_step::descriptors:
        return {error, placing_descriptors};
    case launch_step::user:
        return {error, becoming_user};
    case launch_step::directory:
        return {error, entering_directory};
    case launch_step::execute:
        break;
    }
    return {error, boost::system::system_category()};
}

} // namespace covey::supervision
