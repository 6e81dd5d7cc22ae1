// launch_step: what a child does between fork and its program, and the errors of that.
//
// "No such file or directory" means one thing of a program and another of a directory. So only
// execve's own errors are plain ones of the system; those of every other step have a category of
// their own, which says the step and still equals the system's conditions:
//
//   failed == boost::system::errc::no_such_file_or_directory
#pragma once

#include <boost/system/error_code.hpp>

namespace covey::supervision {

enum class launch_step { group, cpus, descriptors, user, directory, execute };

// `error` is an errno.
boost::system::error_code step_error(launch_step step, int error) noexcept;

} // namespace covey::supervision
