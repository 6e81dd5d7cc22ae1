// failure: why coveyctl could not do what it was asked, as one line that says what to do; and its
// exit codes.
#pragma once

#include <stdexcept>
#include <string>

namespace coveyctl {

namespace exit_code {
inline constexpr int done = 0;
inline constexpr int failed = 1;      // refused, not there, or something was found
inline constexpr int wrong_words = 2; // on the command line
inline constexpr int unreachable = 3; // no cluster, several, not allowed, or of another version
} // namespace exit_code

struct failure : std::runtime_error
{
    failure(int with, std::string const& why)
        : std::runtime_error{why}
        , code{with}
    {}

    int code;
};

} // namespace coveyctl
