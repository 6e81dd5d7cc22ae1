// stable_revision: up to where nothing that happened is still missing from the rings.
//
// A writer takes its revision before it publishes, so a ring may hold a change while an older one
// of another writer is still under way. Who is under way says so before it takes a revision: by
// its intent, its transaction or the word `appending`, each with a revision that is older than what
// it is going to publish, or is it. A dead writer is under way until somebody has repaired what it
// did; a stopped one until it goes on.
#pragma once

#include "arena.hpp"

#include <cstdint>

namespace covey::shm {

// Every change up to this revision is in a ring by now. Load rings' tails after it. Nothing waits.
std::uint64_t stable_revision(arena const& memory);

} // namespace covey::shm
