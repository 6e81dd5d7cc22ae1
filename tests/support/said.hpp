// said: what this process writes to standard error while something runs.
#pragma once

#include "support/catch.hpp"

#include <covey/protocol/handle.hpp>
#include <fcntl.h>
#include <functional>
#include <string>
#include <unistd.h>

namespace covey::test {

inline std::string said(std::function<void()> const& talk)
{
    handle const file{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    handle const before = handle{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
    REQUIRE(::dup2(file.get(), STDERR_FILENO) == STDERR_FILENO);
    talk();
    REQUIRE(::dup2(before.get(), STDERR_FILENO) == STDERR_FILENO);
    std::string text(1 << 16, '\0');
    auto const size = ::pread(file.get(), text.data(), text.size(), 0);
    REQUIRE(size >= 0);
    text.resize(static_cast<std::size_t>(size));
    return text;
}

} // namespace covey::test
