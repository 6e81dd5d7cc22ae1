// installed: a program of the distribution that a test needs and does without: it says so.
#pragma once

#include <iostream>
#include <optional>
#include <string>
#include <unistd.h>

namespace covey::test {

inline std::optional<std::string> installed(std::string const& name)
{
    for (auto const* folder : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"})
        if (::access((folder + name).c_str(), X_OK) == 0)
            return folder + name;
    std::cout << name << " is not installed: left out\n";
    return std::nullopt;
}

} // namespace covey::test
