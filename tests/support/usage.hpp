// usage: what a process has used, by proc(5).
#pragma once

#include <chrono>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/types.h>
#include <unistd.h>

namespace covey::test {

// Computing time so far, user and system, to a hundredth of a second; 0 when it is gone.
inline std::chrono::milliseconds cpu_time(pid_t pid)
{
    std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
    std::string text;
    std::getline(in, text);
    auto const name_end = text.rfind(')');
    if (name_end == text.npos)
        return {};
    std::istringstream fields{text.substr(name_end + 2)};
    std::string skipped;
    for (int field = 3; field < 14; ++field)
        fields >> skipped;
    long user = 0;
    long system = 0;
    fields >> user >> system;
    return std::chrono::milliseconds{(user + system) * 1'000 / ::sysconf(_SC_CLK_TCK)};
}

// Resident memory that is no file's and nobody else's, in bytes; 0 when it is gone.
inline std::size_t private_memory(pid_t pid)
{
    std::ifstream in{"/proc/" + std::to_string(pid) + "/status"};
    for (std::string word; in >> word;)
        if (std::size_t kib = 0; word == "RssAnon:" && in >> kib)
            return kib << 10;
    return 0;
}

// All of it, in bytes.
inline std::size_t resident_memory(pid_t pid)
{
    std::ifstream in{"/proc/" + std::to_string(pid) + "/status"};
    for (std::string word; in >> word;)
        if (std::size_t kib = 0; word == "VmRSS:" && in >> kib)
            return kib << 10;
    return 0;
}

} // namespace covey::test
