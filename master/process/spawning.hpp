// spawning: a child between its fork and its execve, for spawn and fork.
#pragma once

#include "child.hpp"
#include "running.hpp"

#include <functional>

namespace covey::process {

// Starts, and calls `done` once, later, from the executor: with the child that runs, or why there
// is none. Returns the process to drop when nobody wants it any more.
struct spawning
{
    using done_handler = std::function<void(boost::system::error_code, child)>;
    static std::weak_ptr<running> begin(net::any_io_executor const& executor, start_plan what,
                                        options const& settings, done_handler done);
};

} // namespace covey::process
