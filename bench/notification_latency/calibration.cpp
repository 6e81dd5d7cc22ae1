#include "calibration.hpp"

#include "run.hpp"

#include <algorithm>
#include <limits>

namespace covey::bench {

clock_worth clock_here()
{
    constexpr int batches = 100;
    constexpr int looks = 2'000;
    constexpr auto none = std::numeric_limits<std::int64_t>::max();
    clock_worth out{.read_ns = static_cast<double>(none), .resolution_ns = none};
    for (int batch = 0; batch != batches; ++batch) {
        auto const start = now_ns();
        auto last = start;
        for (int i = 0; i != looks; ++i) {
            auto const now = now_ns();
            if (now != last)
                out.resolution_ns = std::min(out.resolution_ns, now - last);
            last = now;
        }
        out.read_ns = std::min(out.read_ns, static_cast<double>(last - start) / looks);
    }
    return out;
}

distribution null_test()
{
    constexpr int looks = 20'000;
    distribution out;
    for (int i = 0; i != looks; ++i) {
        auto const before = now_ns();
        out.add(now_ns() - before);
    }
    return out;
}

} // namespace covey::bench
