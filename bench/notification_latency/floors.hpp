// floors: the least code that does what a lane does, without covey: what the kernel and the memory
// cost. No lock, no revision, no safety against a death.
#pragma once

#include "lane.hpp"

namespace covey::bench {

outcome run_memory_floor(run made, std::chrono::milliseconds limit, scratch const& files);
outcome run_stream_floor(run made, std::chrono::milliseconds limit, scratch const& files);
outcome run_cache_line(run made, std::chrono::milliseconds limit, scratch const& files);

} // namespace covey::bench
