#include "cluster_link.hpp"

#include "failure.hpp"

#include <cerrno>
#include <covey/protocol/control_place.hpp>
#include <fmt/format.h>
#include <thread>
#include <utility>
#include <variant>

namespace coveyctl {

using boost::system::error_code;
using covey::protocol::from_tool;
using covey::protocol::to_tool;
using namespace std::chrono_literals;

namespace {

[[noreturn]] void fail(std::string const& path, std::string const& why)
{
    throw failure{exit_code::unreachable, fmt::format("control socket {}: {}", path, why)};
}

std::string explained(error_code const& why)
{
    switch (why.value()) {
    case EACCES:
    case EPERM:
        return "permission denied; only the user who runs the cluster, and root, may";
    case ENOENT:
    case ENOTDIR:
        return "it is not there; the cluster has ended, or has another --control";
    case ECONNREFUSED:
        return "nobody answers; its master has ended";
    case EPROTOTYPE:
    case ENOTSOCK:
        return "it is no control socket";
    case EAGAIN:
        return "as many tools as it takes are connected already; try again";
    default:
        return why.message();
    }
}

// A full backlog is asked again.
covey::protocol::caller call(std::string const& path)
{
    auto const until = std::chrono::steady_clock::now() + cluster_link::patience;
    while (true) {
        auto out = covey::protocol::call_socket(path);
        if (!out.failed)
            return out;
        if (out.failed.value() != EAGAIN || std::chrono::steady_clock::now() > until)
            fail(path, explained(out.failed));
        std::this_thread::sleep_for(10ms);
    }
}

} // namespace

cluster_link::cluster_link(std::string const& socket_path)
    : path_{socket_path}
    , loop_{1}
{
    auto called = call(path_);
    master_pid_ = called.pid;
    channel_.emplace(loop_.get_executor(), std::move(called.socket));
    try {
        who_ = ask<control::cluster>(control::hello{control::version});
    } catch (failure const& refused) { // another version
        throw failure{exit_code::unreachable, refused.what()};
    }
}

cluster_link::incoming cluster_link::receive(duration within)
{
    bool over = false;
    error_code failed;
    incoming out;
    channel_->async_receive([&](error_code why, incoming in) {
        over = true;
        failed = why;
        out = std::move(in);
    });
    auto const until = within ? std::chrono::steady_clock::now() + *within
                              : std::chrono::steady_clock::time_point::max();
    loop_.restart();
    while (!over && (within ? loop_.run_one_until(until) : loop_.run_one()) != 0) {
    }
    if (!over) {
        channel_->close();
        loop_.restart();
        loop_.poll(); // what refers to this call's variables
        fail(path_, fmt::format("process {} has not answered for {} s; it hangs or is stopped",
                                master_pid_, patience.count()));
    }
    if (failed == covey::protocol::error::closed || failed == covey::protocol::error::truncated)
        fail(path_, "the master has hung up: it has ended, or this user may not ask it");
    if (failed)
        fail(path_,
             fmt::format("{}; is this a covey program's, of this version?", failed.message()));
    if (auto const* const refused = std::get_if<control::refused>(&out.message))
        throw failure{exit_code::failed, refused->reason};
    return out;
}

template <class Answer>
Answer cluster_link::ask(from_tool const& said, duration within)
{
    channel_->send(said); // that the master is gone shows in the answer
    auto got = receive(within);
    if (auto* const answer = std::get_if<Answer>(&got.message))
        return std::move(*answer);
    fail(path_, "an answer to another question");
}

covey::handle cluster_link::segment()
{
    channel_->send(control::lend_segment{});
    auto got = receive(patience);
    if (!std::holds_alternative<control::segment>(got.message) || got.handles.size() != 1)
        fail(path_, "an answer to another question");
    return std::move(got.handles.front());
}

std::vector<control::worker> cluster_link::workers()
{
    channel_->send(control::list_workers{});
    std::vector<control::worker> out;
    while (true) {
        auto got = receive(patience);
        auto* const one = std::get_if<control::worker>(&got.message);
        if (one == nullptr)
            return out; // done
        out.push_back(std::move(*one));
    }
}

control::verdict cluster_link::reload()
{
    return ask<control::verdict>(control::reload{}, std::nullopt);
}

void cluster_link::scale(std::uint32_t workers)
{
    ask<control::done>(control::scale{workers});
}

void cluster_link::stop(bool now)
{
    ask<control::done>(control::stop{now});
}

} // namespace coveyctl
