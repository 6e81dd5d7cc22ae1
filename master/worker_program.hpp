// worker_program: what a worker process executes, and in which surroundings.
#pragma once

#include <array>
#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace covey {

// Whose rights a process has. Taken on in the child, before its program is executed.
struct process_user
{
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups = {}; // supplementary ones; all others are dropped
};

struct worker_program
{
    std::string path = {};                     // empty: this process's own program
    std::vector<std::string> arguments = {};   // argv as the worker sees it, argv[0] included
    std::vector<std::string> environment = {}; // "NAME=value", over this process's own
    std::string directory = {};                // to start in; empty: this process's

    // Standard input, output, error; an empty one is this process's own.
    std::array<shared_handle, 3> standard = {};
    std::vector<shared_handle> extra = {}; // 3, 4, ... in the worker, in this order

    std::optional<process_user> user = {};
    std::vector<std::uint32_t> cpus = {}; // that it may run on; empty: this process's
};

} // namespace covey
