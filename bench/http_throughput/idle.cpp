#include "idle.hpp"

#include <algorithm>
#include <sys/resource.h>

namespace covey::bench {

namespace {

constexpr unsigned others = 200; // descriptors that this process has beside them

} // namespace

unsigned possible_connections(unsigned wanted)
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted + others) {
        limit.rlim_cur = std::min<rlim_t>(wanted + others, limit.rlim_max);
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<unsigned>(std::min<rlim_t>(wanted, limit.rlim_cur - others));
}

std::vector<talk> idle_connections(std::uint16_t port, unsigned count)
{
    auto const request = kept_request("/");
    std::vector<talk> out;
    out.reserve(count);
    while (out.size() != count) {
        auto& made = out.emplace_back(port);
        made.say(request);
        while (made.hear() == 0)
            ;
    }
    return out;
}

} // namespace covey::bench
