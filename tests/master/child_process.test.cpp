#include <covey/master/child_process.hpp>

#include "master/plain_cluster.hpp"
#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/program.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <covey/protocol/channel.hpp>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace child_process_test {

using namespace covey;
using namespace covey::supervision;

namespace {

struct fixture
{
    explicit fixture(worker_program const& program)
        : ends{protocol::make_socket_pair()}
        , child{std::in_place, io.get_executor(), program, ends.second}
    {
        child->async_exit([this](boost::system::error_code failed, exit_status how) {
            if (!failed)
                status = how;
        });
    }

    bool until_ended()
    {
        return test::run_until(io, [&] { return status.has_value(); });
    }

    // True once the program runs, so that what /proc says is about it and not about our fork.
    // Not only named so, which comes early in an execve, but asleep in it.
    bool until_runs(std::string const& name)
    {
        return test::wait_until([&] {
            return read("comm") == name + "\n" && !read("environ").empty() &&
                   read("stat").find(") S ") != std::string::npos;
        });
    }

    std::string read(std::string const& file) const
    {
        std::ifstream in{"/proc/" + std::to_string(child->pid()) + "/" + file, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }

    // A line of /proc/PID/status, as the number it is in hexadecimal.
    std::uint64_t mask(std::string const& name) const
    {
        std::istringstream lines{read("status")};
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with(name + ":"))
                return std::stoull(line.substr(name.size() + 1), nullptr, 16);
        return ~std::uint64_t{0};
    }

    net::io_context io{1};
    std::pair<handle, handle> ends;
    std::optional<child_process> child;
    std::optional<exit_status> status;
};

worker_program shell(std::string const& script)
{
    return {"/bin/sh", {"sh", "-c", script}};
}

worker_program const sleeping{"/bin/sleep", {"sleep", "1000"}};

bool has_children()
{
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

} // namespace

TEST_CASE("a process that exits tells its code", "[master][child_process][cluster]")
{
    fixture it{shell("exit 42")};
    REQUIRE(it.until_ended());
    CHECK(it.status->code == 42);
    CHECK(it.status->signal == 0);
    CHECK(it.status->exit_code() == 42);
    CHECK(it.status->text() == "exit code 42");
    CHECK_FALSE(it.status->not_executed);
    CHECK_FALSE(has_children()); // reaped: no zombie
}

TEST_CASE("a process that a signal ends tells which", "[master][child_process][cluster]")
{
    fixture it{sleeping};
    CHECK(it.child->signal(SIGKILL));
    REQUIRE(it.until_ended());
    CHECK(it.status->signal == SIGKILL);
    CHECK(it.status->exit_code() == std::nullopt);
    CHECK(it.status->text() == "signal 9 (Killed)");
}

TEST_CASE("a signal to a process that has been reaped reaches nobody",
          "[master][child_process][cluster]")
{
    fixture it{shell("exit 0")};
    REQUIRE(it.until_ended());
    CHECK_FALSE(it.child->signal(SIGKILL));
}

TEST_CASE("a program that cannot be executed is an exit that says why",
          "[master][child_process][cluster]")
{
    auto const before = test::descriptor_count();
    {
        fixture missing{{"/no/such/program", {"x"}}};
        REQUIRE(missing.until_ended());
        CHECK(missing.status->not_executed == boost::system::errc::no_such_file_or_directory);
        CHECK(missing.status->text() == "not executed: No such file or directory");

        fixture forbidden{{"/etc", {"x"}}};
        REQUIRE(forbidden.until_ended());
        CHECK(forbidden.status->not_executed == boost::system::errc::permission_denied);
    }
    CHECK_FALSE(has_children());
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("a program that exits with 127 itself has been executed",
          "[master][child_process][cluster]")
{
    fixture it{shell("exit 127")};
    REQUIRE(it.until_ended());
    CHECK(it.status->code == 127);
    CHECK_FALSE(it.status->not_executed);
}

TEST_CASE("only the child's environment names the channel", "[master][child_process][cluster]")
{
    ::setenv("COVEY_CHANNEL_FD", "999", 1); // as in a master that is itself a child of a covey
    fixture it{sleeping};
    ::unsetenv("COVEY_CHANNEL_FD");
    REQUIRE(it.until_runs("sleep"));
    auto const environment = it.read("environ");
    std::size_t named = 0;
    for (std::size_t at = 0; (at = environment.find("COVEY_", at)) != std::string::npos; ++at)
        ++named;
    CHECK(named == 1);
    std::string const ours = "COVEY_CHANNEL_FD=3";
    CHECK(environment.find(ours + std::string(1, '\0')) != std::string::npos);
    CHECK(std::getenv("COVEY_CHANNEL_FD") == nullptr);
}

TEST_CASE("the child has descriptors 0 to 2 and its channel, and no other",
          "[master][child_process][cluster]")
{
    // What an embedding program may have open, and not close-on-exec.
    handle const careless{::open("/dev/null", O_RDONLY)}; // NOLINT: that is the point
    fixture it{sleeping};
    REQUIRE(it.until_runs("sleep"));
    auto const open = [&] {
        std::set<int> out;
        for (auto const& one : std::filesystem::directory_iterator{
                 "/proc/" + std::to_string(it.child->pid()) + "/fd"})
            out.insert(std::stoi(one.path().filename().string()));
        return out;
    };
    std::set<int> const expected{0, 1, 2, 3};
    // The dynamic loader opens libraries for a moment; what was inherited would stay.
    test::wait_until([&] { return open() == expected; });
    CHECK(open() == expected);
}

TEST_CASE("the child begins with an empty signal mask and default dispositions",
          "[master][child_process][cluster]")
{
    auto const old_pipe = std::signal(SIGPIPE, SIG_IGN);
    auto const old_user = std::signal(SIGUSR1, [](int) {});
    sigset_t some;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &some, &before);
    fixture it{sleeping};
    sigset_t after;
    ::pthread_sigmask(SIG_SETMASK, &before, &after);
    std::signal(SIGPIPE, old_pipe);
    std::signal(SIGUSR1, old_user);

    CHECK(sigismember(&after, SIGUSR2) == 1); // ours is as it was
    CHECK(sigismember(&after, SIGTERM) == 0);
    REQUIRE(it.until_runs("sleep"));
    CHECK(it.mask("SigBlk") == 0);
    CHECK(it.mask("SigIgn") == 0);
    CHECK(it.mask("SigCgt") == 0);
}

TEST_CASE("destroying a child process ends it", "[master][child_process][cluster]")
{
    auto const before = test::descriptor_count();
    pid_t pid = 0;
    {
        fixture it{sleeping};
        pid = static_cast<pid_t>(it.child->pid());
        REQUIRE(it.until_runs("sleep"));
        it.child.reset();
        it.io.poll();
        CHECK_FALSE(it.status); // the wait was aborted, nothing was told
    }
    CHECK(::kill(pid, 0) == -1);
    CHECK(errno == ESRCH);
    CHECK_FALSE(has_children());
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("a program that ignores SIGCHLD loses statuses and nothing else",
          "[master][child_process][cluster]")
{
    auto const old = std::signal(SIGCHLD, SIG_IGN);
    fixture it{shell("exit 3")};
    CHECK(it.until_ended());
    std::signal(SIGCHLD, old);
}

TEST_CASE("a worker gets the surroundings that its program asks for",
          "[master][child_process][cluster]")
{
    auto const output = share(handle{::memfd_create("output", MFD_CLOEXEC)});
    auto const input = share(handle{::open("/dev/null", O_RDONLY | O_CLOEXEC)});
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    handle const reader{ends[0]};
    auto program = shell("echo \"$COVEY_TEST_WHO $COVEY_CHANNEL_FD $0 $1 $(pwd)\";"
                         "echo beside >&4; test -S /proc/$$/fd/5");
    program.arguments.insert(program.arguments.end(), {"name", "word"});
    program.environment = {"COVEY_TEST_WHO=worker 3", "COVEY_CHANNEL_FD=77"};
    program.directory = "/usr";
    program.standard = {input, output, nullptr};
    program.extra = {input, share(handle{ends[1]})};

    ::setenv("COVEY_TEST_WHO", "master", 1);
    fixture it{program};
    ::unsetenv("COVEY_TEST_WHO");
    REQUIRE(it.until_ended());
    CHECK(it.status->code == 0);
    std::string said(256, '\0');
    said.resize(static_cast<std::size_t>(::pread(output->get(), said.data(), said.size(), 0)));
    CHECK(said == "worker 3 5 name word /usr\n"); // the channel is behind the extra ones
    program.extra.clear();
    said.assign(256, '\0');
    said.resize(static_cast<std::size_t>(::read(reader.get(), said.data(), said.size())));
    CHECK(said == "beside\n");
}

TEST_CASE("a grandchild holds neither the channel nor what came over it",
          "[master][child_process][cluster]")
{
    auto settings = test::plain_options(1);
    settings.dispatch = dispatch_policy::shared; // the worker has the listening socket
    test::plain_cluster it{settings, {"start-sleep"}};
    REQUIRE(it.until_ready());
    pid_t grandchild = 0;
    REQUIRE(it.until([&] {
        auto const children = test::children_of(it.pid(0));
        if (children.empty())
            return false;
        grandchild = children.front();
        std::ifstream name{"/proc/" + std::to_string(grandchild) + "/comm"};
        std::string text;
        return std::getline(name, text) && text == "sleep";
    }));
    auto const open = [&] {
        std::set<int> out;
        for (auto const& one :
             std::filesystem::directory_iterator{"/proc/" + std::to_string(grandchild) + "/fd"})
            out.insert(std::stoi(one.path().filename().string()));
        return out;
    };
    std::set<int> const expected{0, 1, 2};
    it.until([&] { return open() == expected; }); // the loader opens libraries
    CHECK(open() == expected);
    CHECK(test::descriptor_count(it.pid(0)) > 5); // while its parent has plenty
    ::kill(grandchild, SIGKILL);
}

TEST_CASE("a worker is started on the main thread or not at all",
          "[master][child_process][cluster]")
{
    net::io_context io{1};
    auto const ends = protocol::make_socket_pair();
    std::thread{[&] {
        CHECK_THROWS_AS((child_process{io.get_executor(), sleeping, ends.second}),
                        boost::system::system_error);
    }}.join();
    CHECK_FALSE(has_children());
}

TEST_CASE("a hundred processes that end at once are all reaped", "[master][child_process][cluster]")
{
    net::io_context io{1};
    auto const ends = protocol::make_socket_pair();
    std::vector<std::unique_ptr<child_process>> all;
    int ended = 0;
    for (int i = 0; i < 100; ++i) {
        all.push_back(std::make_unique<child_process>(io.get_executor(), sleeping, ends.second));
        all.back()->async_exit(
            [&](boost::system::error_code, exit_status how) { ended += how.signal == SIGKILL; });
    }
    for (auto const& one : all)
        one->signal(SIGKILL);
    CHECK(test::run_until(io, [&] { return ended == 100; }));
    CHECK_FALSE(has_children());
}

} // namespace child_process_test
