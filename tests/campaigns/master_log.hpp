// master_log: what a master's log at level debug tells about its workers, from start to end. The
// master writes it in the order in which it decides, so what holds in it after every line has held
// at every moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <sys/types.h>

namespace covey::test {

struct master_log
{
    // Reads the log of a cluster of so many workers; none of them may have been killed in between,
    // or the counts tell it.
    master_log(std::string const& text, std::size_t workers);

    std::size_t fewest_ready = 0;  // since all were ready for the first time
    std::size_t most_starting = 0; // forked and not ready, since then
    std::size_t replacements = 0;  // that became ready
    std::size_t reloads_done = 0;
    std::size_t reloads_started = 0;

    // Of whose end nothing is told yet: the generation of each process. It may have ended already.
    std::map<pid_t, std::uint64_t> generations;
};

} // namespace covey::test
