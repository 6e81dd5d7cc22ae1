#include "dispatch.hpp"

namespace covey::supervision {

namespace {

// The finaliser of splitmix64: every bit of the input moves every bit of the output.
constexpr std::uint64_t mix(std::uint64_t bits)
{
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
    return bits ^ bits >> 31;
}

std::uint64_t hash_of(client_address const& client)
{
    std::uint64_t out = client.bytes().size();
    for (auto const byte : client.bytes())
        out = mix(out ^ byte) + 0x9e3779b97f4a7c15;
    return out;
}

// Rendezvous: each pair of a client and a seat has its own rank.
std::uint64_t rank(std::uint64_t client_hash, std::uint32_t seat)
{
    return mix(client_hash ^ mix(seat + std::uint64_t{1}));
}

} // namespace

std::optional<std::uint32_t> choose_seat(dispatch_policy policy, std::span<seat_view const> seats,
                                         std::uint32_t last, std::optional<std::uint32_t> not_to,
                                         client_address const& client)
{
    bool const by_client = policy == dispatch_policy::hash && client.is_known();
    auto const hash = by_client ? hash_of(client) : 0;
    auto const count = static_cast<std::uint32_t>(seats.size());
    std::optional<std::uint32_t> best;
    for (std::uint32_t step = 1; step <= count; ++step) {
        auto const seat = (last + step) % count;
        if (!has_room(seats[seat]) || seat == not_to)
            continue;
        if (policy == dispatch_policy::round_robin)
            return seat;
        bool const better = !best || (by_client ? rank(hash, seat) > rank(hash, *best)
                                                : load(seats[seat]) < load(seats[*best]));
        if (better)
            best = seat;
    }
    if (!best && not_to && *not_to < count && has_room(seats[*not_to]))
        best = not_to;
    return best;
}

} // namespace covey::supervision
