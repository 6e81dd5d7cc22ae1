// What can go wrong with a process beside what the system says.
//
// A program that cannot be started is an error of the system: ENOENT, EACCES, EAGAIN, EMFILE. Where
// it was not the program but what comes before it (its directory, its user, its CPUs), the message
// says so: "enter the directory: No such file or directory".
#pragma once

#include <boost/system/error_code.hpp>
#include <type_traits>

namespace covey::process {

enum class error {
    // A program has written more than options::output_bytes_max, and has been ended.
    output_too_long = 1,
};

boost::system::error_code make_error_code(error code) noexcept;

} // namespace covey::process

template <>
struct boost::system::is_error_code_enum<covey::process::error> : std::true_type
{};
