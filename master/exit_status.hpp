// exit_status: how a process ended.
#pragma once

#include <boost/system/error_code.hpp>
#include <optional>
#include <string>

namespace covey {

struct exit_status
{
    int code = 0;      // given to exit(), when no signal ended it
    int signal = 0;    // that ended it; 0: none
    bool core = false; // and a core was dumped
    // Its program could not be executed: the process never began, and `code` is not its own.
    boost::system::error_code not_executed = {};

    bool success() const { return code == 0 && signal == 0 && !not_executed; }
    std::optional<int> exit_code() const
    {
        return signal == 0 ? std::optional{code} : std::nullopt;
    }

    // For people: "exit code 3", "signal 11 (Segmentation fault), core dumped".
    std::string text() const;

    bool operator==(exit_status const&) const = default;
};

} // namespace covey
