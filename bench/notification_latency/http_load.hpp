// http_load: keeps an HTTP server on a Unix socket busy, but not drowned.
#pragma once

#include <string>

namespace covey::bench {

constexpr int http_requests_a_second = 10'000;

// Sends requests at that rate, spread over a few connections, and reads the answers, until this
// process is ended. Waits for the server to come up. Throws system_error or runtime_error.
[[noreturn]] void load_with_http(std::string const& socket_path);

} // namespace covey::bench
