#include "random_hex.hpp"

#include <array>
#include <cstdint>
#include <random>

namespace covey::http {

namespace {

std::mt19937_64 seeded()
{
    std::random_device kernel;
    std::array<std::uint32_t, 8> drawn{};
    for (auto& each : drawn)
        each = kernel();
    std::seed_seq from(drawn.begin(), drawn.end());
    return std::mt19937_64{from};
}

} // namespace

std::string random_hex(std::size_t digits)
{
    thread_local auto draw = seeded();
    std::string out(digits, '0');
    std::uint64_t bits = 0;
    for (std::size_t at = 0; at != digits; ++at) {
        while (at % 16 == 0 && (bits = draw()) == 0) {
        }
        out[at] = "0123456789abcdef"[bits >> 60];
        bits <<= 4;
    }
    return out;
}

} // namespace covey::http
