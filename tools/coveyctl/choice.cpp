#include "choice.hpp"

#include "failure.hpp"

#include <covey/protocol/control_place.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace coveyctl {

namespace {

using covey::protocol::control_place;

// Whose sockets to look for: a process's owner's, for root may ask for anybody's.
std::uint32_t owner_of(std::int64_t pid)
{
    struct ::stat found
    {};
    if (pid == 0)
        return ::geteuid();
    if (::stat(fmt::format("/proc/{}", pid).c_str(), &found) != 0)
        throw failure{exit_code::unreachable,
                      fmt::format("there is no process {}; name the master's pid", pid)};
    return found.st_uid;
}

std::string wanted(choice const& meant)
{
    if (meant.pid != 0)
        return fmt::format("process {} has no control socket", meant.pid);
    if (!meant.name.empty())
        return fmt::format("no cluster '{}' runs", meant.name);
    return "no cluster runs";
}

std::string list(std::vector<control_place> const& all)
{
    std::string out;
    for (auto const& one : all)
        out += fmt::format("\n  {:<32} --pid {:<8} --control {}", one.name, one.pid, one.path);
    return out;
}

} // namespace

std::string socket_of(choice const& meant)
{
    if (!meant.control.empty())
        return meant.control;
    auto const user = owner_of(meant.pid);
    std::vector<control_place> fitting;
    auto all = covey::protocol::find_controls(user);
    for (auto const& one : all)
        if ((meant.pid == 0 || one.pid == meant.pid) &&
            (meant.name.empty() || one.name == meant.name))
            fitting.push_back(one);
    if (fitting.size() == 1)
        return fitting.front().path;
    if (fitting.size() > 1)
        throw failure{exit_code::unreachable,
                      fmt::format("{} clusters run; choose one:{}", fitting.size(), list(fitting))};
    auto why =
        fmt::format("{} (looked in {}); one that was started with --control PATH is reached "
                    "by the same words, one of another user as that user or root",
                    wanted(meant), fmt::join(covey::protocol::control_directories(user), ", "));
    if (!all.empty())
        why += fmt::format("; there are:{}", list(all));
    throw failure{exit_code::unreachable, why};
}

} // namespace coveyctl
