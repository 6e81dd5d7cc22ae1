#include <covey/master/busy_poll.hpp>

#include "support/catch.hpp"

namespace busy_poll_test {

using covey::supervision::busy_poll_warning;
using namespace std::chrono_literals;

TEST_CASE("workers that look for changes and have too few CPUs are warned of, and no others",
          "[master]")
{
    CHECK(busy_poll_warning(0us, 64, 1) == "");
    CHECK(busy_poll_warning(50us, 2, 2) == "");
    CHECK(busy_poll_warning(50us, 1, 8) == "");
    CHECK(
        busy_poll_warning(50us, 3, 2) ==
        "--busy-poll 50us with 3 workers on 2 CPUs: one that looks for changes keeps another from "
        "making them; choose no more workers than CPUs, or 0us");
    CHECK(busy_poll_warning(50us, 2, 1).find(" on 1 CPU: ") != std::string::npos);
}

} // namespace busy_poll_test
