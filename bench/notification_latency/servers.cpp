#include "servers.hpp"

#include "floor_parts.hpp"
#include "sending.hpp"

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <grp.h>
#include <harness_child.hpp>
#include <map>
#include <pwd.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;

struct server
{
    child process;
    std::string place; // socket, or folder of it
};

// Ended by SIGINT, which both take for a wish to end without waiting for clients.
std::map<std::string, server>& running()
{
    static std::map<std::string, server> all;
    return all;
}

template <class Start>
std::string start_once(std::string const& name, Start start)
{
    auto found = running().find(name);
    if (found == running().end())
        found = running().emplace(name, start()).first;
    return found->second.place;
}

void wait_for_file(std::string const& file, child const& server, std::string const& name)
{
    constexpr int tries = 6'000;
    for (int i = 0; !std::filesystem::exists(file); ++i) {
        if (i == tries || server.has_ended())
            throw std::runtime_error{name + " does not come up"};
        sleep_until_ns(now_ns() + 5'000'000);
    }
}

std::string why_not(std::string (*start)(scratch const&), scratch const& files)
try {
    start(files);
    return {};
} catch (std::runtime_error const& failed) {
    return failed.what();
}

// ---- PostgreSQL
// ----------------------------------------------------------------------------------

// Debian keeps its programs out of the path, a folder a version.
std::string postgres_program(std::string_view name)
{
    std::filesystem::path const versions{"/usr/lib/postgresql"};
    std::error_code none;
    std::string out;
    for (auto const& version : std::filesystem::directory_iterator{versions, none}) {
        auto const file = version.path() / "bin" / name;
        if (std::filesystem::exists(file, none) && file.string() > out)
            out = file.string();
    }
    return out;
}

// PostgreSQL refuses to run as root.
passwd const* unprivileged_user()
{
    if (::geteuid() != 0)
        return nullptr;
    for (auto const* name : {"postgres", "nobody"})
        if (auto const* const found = ::getpwnam(name))
            return found;
    throw std::runtime_error{"there is no user postgres or nobody to run PostgreSQL as"};
}

// Ends with SIGINT, at the latest with the bench.
child as_user(passwd const* user, std::string const& folder, std::string const& program,
              std::vector<std::string> words)
{
    return child{[&] {
        if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                                ::setuid(user->pw_uid) != 0))
            fail("become another user");
        ::prctl(PR_SET_PDEATHSIG, SIGINT); // a change of user has forgotten it
        if (::chdir(folder.c_str()) != 0)
            fail("change the folder");
        handle const nowhere{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
        ::dup2(nowhere.get(), STDOUT_FILENO);
        std::vector<char*> argv;
        for (auto& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        ::execv(program.c_str(), argv.data());
        fail("exec PostgreSQL");
    }};
}

} // namespace

std::string missing_redis_server(scratch const& files)
{
    return find_program("redis-server").empty() ? "redis-server" : why_not(redis_socket, files);
}

std::string missing_postgres(scratch const& files)
{
    return postgres_program("initdb").empty() || postgres_program("postgres").empty()
               ? "postgresql"
               : why_not(postgres_folder, files);
}

std::string redis_socket(scratch const& files)
{
    return start_once("redis", [&] {
        auto const socket = files.file("redis.socket");
        auto process =
            child::of_program(find_program("redis-server"),
                              {"redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                               "--appendonly", "no", "--dir", files.folder()},
                              {}, SIGINT);
        wait_for_file(socket, process, "redis-server");
        return server{std::move(process), socket};
    });
}

std::string postgres_folder(scratch const& files)
{
    return start_once("postgres", [&] {
        auto const folder = files.file("postgres");
        auto const data = folder + "/data";
        std::filesystem::create_directory(folder);
        auto const* const user = unprivileged_user();
        if (user != nullptr && (::chmod(files.folder().c_str(), 0711) != 0 ||
                                ::chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0))
            throw std::system_error{errno, std::system_category(), folder};
        as_user(user, folder, postgres_program("initdb"),
                {"initdb", "-D", data, "-A", "trust", "-U", "bench", "-N", "--no-locale"})
            .wait(2min);
        auto process =
            as_user(user, folder, postgres_program("postgres"),
                    {"postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c",
                     "fsync=off", "-c", "log_min_messages=panic"});
        wait_for_file(folder + "/.s.PGSQL.5432", process, "PostgreSQL");
        return server{std::move(process), folder};
    });
}

void end_servers()
{
    for (auto& [name, one] : running()) {
        ::kill(one.process.pid(), SIGINT);
        try {
            one.process.wait(20s);
        } catch (std::runtime_error const&) { // its destructor ends it
        }
    }
    running().clear();
}

} // namespace covey::bench
