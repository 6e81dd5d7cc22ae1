// user_names: whose rights "www-data" and "33" mean. Asks the system's user database, which may
// block: at the start, before the loop runs.
#pragma once

#include "worker_program.hpp"

#include <optional>
#include <string>

namespace covey::supervision {

// The user's uid, with his own primary group and supplementary groups, or with `group` and no
// other. Names or numbers. Nothing when both are empty. Throws start_error when one is unknown.
std::optional<process_user> find_user(std::string const& user, std::string const& group);

} // namespace covey::supervision
