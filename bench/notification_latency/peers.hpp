// peers: what people use instead, each taken as its own users would write it.
#pragma once

#include "lane.hpp"

namespace covey::bench {

// Redis by hiredis: PUBLISH and SUBSCRIBE, or XADD and XREAD BLOCK.
std::string missing_redis(scratch const& files);
outcome run_redis(run made, std::chrono::milliseconds limit, scratch const& files);

// PostgreSQL by libpq: NOTIFY and LISTEN.
std::string missing_notify(scratch const& files);
outcome run_postgres(run made, std::chrono::milliseconds limit, scratch const& files);

// Programs of their own, which leave their notes in a file (bench/peers): Node's cluster, from a
// worker through the primary to a worker; nginx's lua_shared_dict, looked at every millisecond.
std::string missing_node(scratch const& files);
outcome run_node(run made, std::chrono::milliseconds limit, scratch const& files);
outcome run_shared_dict(run made, std::chrono::milliseconds limit, scratch const& files);

} // namespace covey::bench
