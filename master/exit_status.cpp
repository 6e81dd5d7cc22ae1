#include "exit_status.hpp"

#include <cstring>
#include <fmt/format.h>

namespace covey {

std::string exit_status::text() const
{
    if (not_executed)
        return "not executed: " + not_executed.message();
    if (signal == 0)
        return fmt::format("exit code {}", code);
    return fmt::format("signal {} ({}){}", signal, ::strsignal(signal),
                       core ? ", core dumped" : "");
}

} // namespace covey
