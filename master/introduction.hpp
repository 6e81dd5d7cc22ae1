// introduction: the first messages to a worker, with their handles: who it is, the segment, the
// doorbells, the listeners, and begin.
#pragma once

#include "options.hpp"

#include <covey/protocol/handle.hpp>
#include <covey/protocol/messages.hpp>
#include <covey/shm/segment.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace covey::supervision {

using introduction = std::vector<std::pair<protocol::from_master, std::vector<shared_handle>>>;

// A listener as its worker is to see it.
struct introduced_listener
{
    std::string address;
    shared_handle socket; // none: the master accepts
};

struct introduced_worker
{
    std::uint64_t id = 0;
    std::uint32_t seat = 0;
    std::uint32_t block = 0;
    std::uint32_t generation = 0;
    std::vector<introduced_listener> listeners;
    shared_handle standard_error; // that it takes on once it is ready; none: it has it already
};

// Throws system_error when the segment cannot be lent (EMFILE).
introduction introduce(options const& settings, segment const& memory,
                       std::shared_ptr<doorbells const> const& bells,
                       introduced_worker const& worker);

} // namespace covey::supervision
