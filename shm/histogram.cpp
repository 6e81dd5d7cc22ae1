#include "histogram.hpp"

#include "detail/participant_core.hpp"
#include "lanes.hpp"

#include <stdexcept>
#include <utility>

namespace covey {

namespace {

// One writer, so no locked addition is needed.
void add(shm::word& to, std::uint64_t much)
{
    to.store(to.load(std::memory_order_relaxed) + much, std::memory_order_relaxed);
}

} // namespace

histogram::histogram(state& owner, std::string name, histogram_scale scale)
    : field{owner, describe(std::move(name), scale)}
    , scale_{scale}
{}

field_description histogram::describe(std::string name, histogram_scale const& scale)
{
    if (!scale.valid())
        throw std::invalid_argument{"field " + name + ": a histogram has 1 to 14 precision bits"};
    return {.name = std::move(name),
            .kind = field_kind::histogram,
            .row_type = "u64",
            .capacity = scale.buckets(),
            .scale = scale.text()};
}

// A lane: the buckets, then the sum.
void histogram::record(std::uint64_t number)
{
    auto& me = who();
    add(shm::lane_of(*me.memory, places(), me.block, scale_.bucket_of(number)), 1);
    add(shm::lane_of(*me.memory, places(), me.block, places().capacity), number);
}

histogram_snapshot histogram::get() const
{
    auto& me = who();
    auto const read = [&](std::uint32_t block, std::uint64_t at) {
        return shm::lane_of(*me.memory, places(), block, at).load(std::memory_order_relaxed);
    };
    histogram_snapshot out{scale_};
    for (std::uint32_t block = 0; block != me.memory->places().blocks; ++block) {
        for (std::uint64_t bucket = 0; bucket != places().capacity; ++bucket)
            out.add(bucket, read(block, bucket));
        out.add_sum(read(block, places().capacity));
    }
    return out;
}

} // namespace covey
