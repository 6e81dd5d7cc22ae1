#include "busy_poll.hpp"

#include <fmt/format.h>

namespace covey::supervision {

std::string busy_poll_warning(std::chrono::microseconds budget, std::uint32_t workers,
                              std::uint32_t cpus)
{
    if (budget.count() == 0 || workers <= cpus)
        return {};
    return fmt::format(
        "--busy-poll {}us with {} workers on {} {}: one that looks for changes keeps "
        "another from making them; choose no more workers than CPUs, or 0us",
        budget.count(), workers, cpus, cpus == 1 ? "CPU" : "CPUs");
}

} // namespace covey::supervision
