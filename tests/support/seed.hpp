// seed: what a random test starts from. COVEY_TEST_SEED repeats a run; CAPTURE the seed, so that a
// failure prints it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace covey::test {

inline std::uint64_t seed()
{
    char const* const given = std::getenv("COVEY_TEST_SEED");
    return given ? std::stoull(given) : std::random_device{}();
}

} // namespace covey::test
