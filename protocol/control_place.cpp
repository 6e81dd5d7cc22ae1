#include "control_place.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace covey::protocol {

using boost::system::error_code;
using boost::system::system_category;
using boost::system::system_error;

namespace {

constexpr std::string_view suffix = ".sock";

enum class whose { users_alone, somebodys, nobodys };

whose owner_of(std::string const& directory, std::uint32_t user)
{
    struct ::stat found
    {};
    if (::lstat(directory.c_str(), &found) != 0)
        return whose::nobodys;
    bool const alone = S_ISDIR(found.st_mode) && found.st_uid == user && (found.st_mode & 077) == 0;
    return alone ? whose::users_alone : whose::somebodys;
}

// None when no master's socket is called so.
std::optional<control_place> place_of(std::string const& directory, std::string_view file)
{
    auto const dash = file.rfind('-');
    if (!file.ends_with(suffix) || dash == file.npos)
        return std::nullopt;
    control_place out{directory + "/" + std::string{file}, std::string{file.substr(0, dash)}, 0};
    auto const* const end = file.data() + file.size() - suffix.size();
    auto const [stopped, failed] = std::from_chars(file.data() + dash + 1, end, out.pid);
    if (failed != std::errc{} || stopped != end || out.pid <= 0)
        return std::nullopt;
    return out;
}

std::vector<control_place> places_in(std::string const& directory)
{
    struct closer
    {
        void operator()(DIR* open) const { ::closedir(open); }
    };
    std::unique_ptr<DIR, closer> const open{::opendir(directory.c_str())};
    std::vector<control_place> out;
    if (open)
        while (auto const* const entry = ::readdir(open.get()))
            if (auto place = place_of(directory, static_cast<char const*>(entry->d_name)))
                out.push_back(std::move(*place));
    std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.path < b.path; });
    return out;
}

// ECONNREFUSED is the only answer of a socket that nobody listens on.
bool answers(control_place const& place)
{
    return call_socket(place.path).failed.value() != ECONNREFUSED;
}

// A process of another namespace looks so too, though it lives.
bool looks_gone(control_place const& place)
{
    return ::kill(static_cast<pid_t>(place.pid), 0) != 0 && errno == ESRCH;
}

// A master that has bound its socket and does not listen yet answers as a dead one would, but does
// not look gone.
void remove_if_left(control_place const& place)
{
    if (looks_gone(place) && !answers(place))
        ::unlink(place.path.c_str());
}

} // namespace

std::vector<std::string> control_directories(std::uint32_t user)
{
    std::vector<std::string> out;
    auto const* const given = user == ::geteuid() ? std::getenv("XDG_RUNTIME_DIR") : nullptr;
    if (given != nullptr && *given == '/')
        out.push_back(fmt::format("{}/covey", given));
    for (auto const& usual :
         {fmt::format("/run/user/{}/covey", user), fmt::format("/tmp/covey-{}", user)})
        if (std::find(out.begin(), out.end(), usual) == out.end())
            out.push_back(usual);
    return out;
}

std::string make_control_directory()
{
    auto const all = control_directories(::geteuid());
    for (auto const& each : all) {
        // Where it is somebody else's business what is called so, theirs may be there already.
        if (::mkdir(each.c_str(), 0700) != 0 && errno != EEXIST)
            continue;
        if (owner_of(each, ::geteuid()) == whose::users_alone)
            return each;
        throw system_error{
            error_code{EACCES, system_category()},
            fmt::format("{} is not a directory of this user alone (mode 0700)", each)};
    }
    throw system_error{error_code{errno, system_category()},
                       fmt::format("cannot make any of {}", fmt::join(all, ", "))};
}

std::string control_file_name(std::string_view name, std::int64_t pid)
{
    std::string out{name};
    for (char& each : out)
        if (std::isalnum(static_cast<unsigned char>(each)) == 0 && each != '_' && each != '.')
            each = each == '-' ? '-' : '_';
    return fmt::format("{}-{}{}", out, pid, suffix);
}

std::vector<control_place> find_controls(std::uint32_t user)
{
    std::vector<control_place> out;
    for (auto const& directory : control_directories(user)) {
        if (owner_of(directory, user) != whose::users_alone)
            continue;
        for (auto& place : places_in(directory)) {
            if (answers(place))
                out.push_back(std::move(place));
            else
                remove_if_left(place);
        }
    }
    return out;
}

void remove_stale_controls(std::string const& directory)
{
    for (auto const& place : places_in(directory))
        remove_if_left(place);
}

caller call_socket(std::string const& path)
{
    caller out;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() > socket_path_bytes_max) {
        out.failed = {ENAMETOOLONG, system_category()};
        return out;
    }
    std::memcpy(static_cast<void*>(address.sun_path), path.data(), path.size());
    out.socket = handle{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    // EAGAIN is a full backlog.
    if (!out.socket.is_open() ||
        ::connect(out.socket.get(), static_cast<sockaddr const*>(static_cast<void*>(&address)),
                  sizeof address) != 0) {
        out.failed = {errno, system_category()};
        out.socket.reset();
        return out;
    }
    out.pid = peer_of(out.socket).pid;
    return out;
}

peer_identity peer_of(handle const& socket)
{
    ::ucred who{};
    socklen_t bytes = sizeof who;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &bytes) != 0)
        throw system_error{error_code{errno, system_category()}, "getsockopt SO_PEERCRED"};
    return {who.pid, who.uid};
}

} // namespace covey::protocol
