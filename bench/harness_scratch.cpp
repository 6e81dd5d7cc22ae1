#include "harness_scratch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>
#include <system_error>

namespace covey::bench {

scratch::scratch()
    : folder_{(std::filesystem::temp_directory_path() / "covey-bench-XXXXXX").string()}
{
    if (::mkdtemp(folder_.data()) == nullptr)
        throw std::runtime_error{"cannot make a folder like " + folder_};
}

scratch::~scratch()
{
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string scratch::file(std::string_view name) const
{
    return fmt::format("{}/{}", folder_, name);
}

} // namespace covey::bench
