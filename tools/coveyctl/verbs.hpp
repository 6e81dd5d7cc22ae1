// verbs: what coveyctl does, a function each. They write to standard output, return the exit code
// and throw failure. `json`: for programs, one value or one a line; else for people.
#pragma once

#include "cluster_link.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace covey {
class inspect;
}

namespace coveyctl {

// ---- the cluster ----
int tell_status(cluster_link& cluster, bool json);
int tell_workers(cluster_link& cluster, bool json);
int reload(cluster_link& cluster, bool json);
int scale(cluster_link& cluster, std::uint32_t workers, bool json);
int stop(cluster_link& cluster, bool now, bool wait, bool json);

// ---- the state ----
covey::inspect open_state(cluster_link& cluster);
std::uint32_t field_of(covey::inspect const& state, std::string const& name);

int list_fields(covey::inspect const& state, bool json);
int describe(covey::inspect const& state, std::string const& field, bool json); // "": all
int get(covey::inspect const& state, std::string const& field, std::string const& key, bool json);
int dump(covey::inspect const& state, std::string const& field);

// Until the user interrupts, or the master ends.
struct watch_wish
{
    std::string field;
    std::string key; // "": all
    std::chrono::milliseconds interval{50};
};
int watch(covey::inspect const& state, std::int64_t master_pid, watch_wish const& wish, bool json);

int tell_locks(covey::inspect const& state, bool json);
int tell_lags(covey::inspect const& state, bool json);
int tell_repairs(covey::inspect const& state, bool json);
int check(covey::inspect const& state, bool json);

} // namespace coveyctl
