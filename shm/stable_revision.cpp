#include "stable_revision.hpp"

#include "transaction_log.hpp"

#include <algorithm>

namespace covey::shm {

namespace {

constexpr std::uint64_t before(std::uint64_t revision)
{
    return revision == 0 ? 0 : revision - 1;
}

} // namespace

std::uint64_t stable_revision(arena const& memory)
{
    auto const acquire = std::memory_order_acquire;
    // First: who takes an older revision than this is seen to be under way, or has published.
    auto stable = memory.head().revision.load(acquire);
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block) {
        auto const& its = memory.block(block);
        if (its.intent.armed.load(acquire) != 0)
            stable = std::min(stable, before(its.intent.revision.load(relaxed)));
        if (is_under_way(memory.transaction(block)))
            stable = std::min(stable, before(memory.transaction(block).revision.load(relaxed)));
        if (auto const appending = its.appending.load(acquire); appending != 0)
            stable = std::min(stable, before(appending));
    }
    return stable;
}

} // namespace covey::shm
