#include "steering.hpp"

#include <algorithm>
#include <cstdint>
#include <linux/filter.h>
#include <sys/socket.h>

namespace covey::supervision {

namespace {

sock_filter statement(std::uint16_t code, std::uint32_t operand)
{
    return {code, 0, 0, operand};
}

// Draws a number below the count of the attended; each one that is not, from the first on, moves
// those behind it up by one.
std::vector<sock_filter> program_for(std::vector<bool> const& attended)
{
    auto const count = std::count(attended.begin(), attended.end(), true);
    std::vector<sock_filter> out;
    out.push_back(statement(BPF_LD | BPF_W | BPF_ABS,
                            static_cast<std::uint32_t>(SKF_AD_OFF) + SKF_AD_RANDOM));
    out.push_back(statement(BPF_ALU | BPF_MOD | BPF_K, static_cast<std::uint32_t>(count)));
    for (std::uint32_t i = 0; i < attended.size(); ++i) {
        if (attended[i])
            continue;
        out.push_back({BPF_JMP | BPF_JGE | BPF_K, 0, 1, i}); // below i: skip the next
        out.push_back(statement(BPF_ALU | BPF_ADD | BPF_K, 1));
    }
    out.push_back(statement(BPF_RET | BPF_A, 0));
    return out;
}

} // namespace

bool steer(handle const& any_of_group, std::vector<bool> const& attended)
{
    auto program = program_for(attended);
    sock_fprog const whole{static_cast<unsigned short>(program.size()), program.data()};
    return ::setsockopt(any_of_group.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &whole,
                        sizeof whole) == 0;
}

} // namespace covey::supervision
