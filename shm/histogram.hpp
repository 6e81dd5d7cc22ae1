// histogram: how often numbers of each size were recorded, by all workers: latencies, sizes.
//
// Every block has its own buckets (histogram_scale.hpp), so a record is two relaxed stores on lines
// nobody else writes; a snapshot adds them up. It survives any death; a worker that is killed in
// the middle of a record has counted the number and not added it to the sum. Announces nothing.
#pragma once

#include "field.hpp"
#include "histogram_snapshot.hpp"

#include <cstdint>
#include <string>

namespace covey {

class histogram : public field
{
  public:
    // Throws std::invalid_argument when the scale is not valid.
    histogram(state& owner, std::string name, histogram_scale scale = {});

    void record(std::uint64_t number);

    // All that was recorded before the call, and some or none of what is recorded meanwhile. Reads
    // every bucket of every block.
    histogram_snapshot get() const;

    histogram_scale const& scale() const { return scale_; }

  private:
    static field_description describe(std::string name, histogram_scale const& scale);

    histogram_scale scale_;
};

} // namespace covey
