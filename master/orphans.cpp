#include "orphans.hpp"

#include <covey/protocol/log.hpp>
#include <csignal>
#include <fmt/format.h>
#include <fstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace covey::supervision {

namespace {

// Of the main thread, which is whose children orphans become (and those it forks itself).
std::ifstream own_children()
{
    return std::ifstream{fmt::format("/proc/self/task/{}/children", ::getpid())};
}

bool is_zombie(std::int64_t pid)
{
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

} // namespace

bool inherits_orphans()
{
    int is_subreaper = 0;
    ::prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper);
    return ::getpid() == 1 || is_subreaper != 0;
}

std::shared_ptr<orphans> orphans::reaped(net::any_io_executor executor,
                                         std::function<bool(std::int64_t)> is_ours)
{
    auto out = std::make_shared<orphans>(std::move(executor), std::move(is_ours));
    out->wait();
    out->look();
    return out;
}

orphans::orphans(net::any_io_executor executor, std::function<bool(std::int64_t)> is_ours)
    : child_ended_{executor, SIGCHLD}
    , again_{executor}
    , is_ours_{std::move(is_ours)}
{}

void orphans::wait()
{
    child_ended_.async_wait([weak = weak_from_this()](boost::system::error_code failed, int) {
        auto const self = weak.lock();
        if (failed || !self)
            return;
        self->wait();
        self->look();
    });
}

void orphans::look()
{
    auto const now = clock::now();
    std::map<std::int64_t, clock::time_point> still;
    auto children = own_children();
    for (std::int64_t pid = 0; children >> pid;) {
        if (is_ours_(pid) || !is_zombie(pid))
            continue;
        auto const known = zombies_.find(pid);
        auto const since = known == zombies_.end() ? now : known->second;
        if (now - since < patience) {
            still.emplace(pid, since);
            continue;
        }
        ::waitpid(static_cast<pid_t>(pid), nullptr, WNOHANG);
        log::debug(fmt::format("reaped process {}, which had been left to this one", pid));
    }
    zombies_ = std::move(still);
    if (zombies_.empty())
        return;
    again_.expires_after(patience);
    again_.async_wait([weak = weak_from_this()](boost::system::error_code failed) {
        if (auto const self = weak.lock(); !failed && self)
            self->look();
    });
}

} // namespace covey::supervision
