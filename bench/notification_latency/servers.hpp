// servers: the peers' servers: private ones on Unix sockets in the bench's folder, started when
// they are first asked for, and ended by end_servers() or with the bench.
#pragma once

#include <harness_scratch.hpp>
#include <string>

namespace covey::bench {

// What is not installed, or why the server does not come up; empty: it runs.
std::string missing_redis_server(scratch const& files);
std::string missing_postgres(scratch const& files);

// The path of its socket. Throws runtime_error when it does not come up.
std::string redis_socket(scratch const& files);

// The folder that its socket is in. Runs as another user where this is root. Throws runtime_error
// when it does not come up; a client may still have to try for a while.
std::string postgres_folder(scratch const& files);

void end_servers();

} // namespace covey::bench
