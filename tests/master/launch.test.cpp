#include <covey/master/launch.hpp>

#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/descriptor_limit.hpp"
#include "support/program.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <poll.h>
#include <sstream>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace launch_test {

using namespace covey;
using namespace covey::supervision;
namespace errc = boost::system::errc;
namespace net = boost::asio;

namespace {

constexpr std::uint32_t nobody = 65534;

handle memory_file()
{
    return handle{::memfd_create("output", MFD_CLOEXEC)};
}

std::string text_of(handle const& file)
{
    std::string out(4096, '\0');
    auto const bytes = ::pread(file.get(), out.data(), out.size(), 0);
    out.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return out;
}

launch_plan shell(std::string const& script, std::vector<std::string> words = {})
{
    launch_plan out;
    out.program = {.path = "/bin/sh", .arguments = {"sh", "-c", script, "sh"}};
    std::move(words.begin(), words.end(), std::back_inserter(out.program.arguments));
    return out;
}

launch_plan sleeping()
{
    return {.program = {.path = "/bin/sleep", .arguments = {"sleep", "1000"}}};
}

exit_status end_of(launched& process)
{
    pollfd ended{process.ended().get(), POLLIN, 0};
    REQUIRE(::poll(&ended, 1, 30'000) == 1);
    return process.reap();
}

exit_status run(launch_plan const& plan)
{
    auto process = launch(plan);
    return end_of(process);
}

// What a plan's program says, and how it ends.
std::pair<std::string, exit_status> said_by(launch_plan plan)
{
    auto const output = memory_file();
    plan.descriptors.push_back({&output, 1});
    auto const status = run(plan);
    return {text_of(output), status};
}

std::string line_of(std::int64_t pid, std::string const& name)
{
    std::ifstream in{"/proc/" + std::to_string(pid) + "/status"};
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(name + ":")) {
            std::istringstream words{line.substr(name.size() + 1)};
            std::string out;
            for (std::string word; words >> word;)
                out += (out.empty() ? "" : " ") + word;
            return out;
        }
    return {};
}

bool until_runs(launched const& process, std::string const& name)
{
    return test::wait_until([&] { return line_of(process.pid(), "Name") == name; });
}

bool has_children()
{
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool is_root(char const* what)
{
    if (::geteuid() == 0)
        return true;
    WARN("not root: " << what << " is not tried");
    return false;
}

// Runs `what` in a process of its own, whose limits and rights it may ruin; its result.
int in_a_fork(std::function<int()> const& what)
{
    auto const pid = ::fork();
    if (pid == 0)
        ::_exit(what());
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int error_of(launch_plan const& plan)
{
    try {
        launch(plan);
        return 0;
    } catch (boost::system::system_error const& failed) {
        return failed.code().value();
    }
}

} // namespace

TEST_CASE("a program gets its arguments and its directory", "[master][launch][cluster]")
{
    auto plan = shell("echo \"$#:$1:$2\"; pwd", {"a b", ""});
    plan.directory = "/usr";
    CHECK(said_by(plan).first == "2:a b:\n/usr\n");
    CHECK(said_by({.program = {.path = "/bin/pwd"}, .directory = "/"}).first == "/\n");
}

TEST_CASE("a variable that is given wins over the one that is inherited",
          "[master][launch][cluster]")
{
    ::setenv("COVEY_TEST_OLD", "ours", 1);
    ::setenv("COVEY_TEST_KEPT", "kept", 1);
    ::setenv("COVEY_TEST_GONE", "gone", 1);
    auto plan = shell("echo \"$COVEY_TEST_OLD $COVEY_TEST_KEPT ${COVEY_TEST_GONE-none}\"");
    plan.program.environment = {"COVEY_TEST_OLD=first", "COVEY_TEST_OLD=its own",
                                "COVEY_TEST_GONE"};
    CHECK(said_by(plan).first == "its own kept none\n");
    plan.program.environment_only = true;
    CHECK(said_by(plan).first == "its own  none\n");
    for (auto const* name : {"COVEY_TEST_OLD", "COVEY_TEST_KEPT", "COVEY_TEST_GONE"})
        ::unsetenv(name);
}

TEST_CASE("descriptors come to their numbers whatever numbers they have here",
          "[master][launch][cluster]")
{
    std::vector<handle> files;
    for (int i = 0; i < 4; ++i)
        files.push_back(memory_file());
    std::sort(files.begin(), files.end(),
              [](handle const& a, handle const& b) { return a.get() < b.get(); });
    // Each is wanted where another one is, and the first in two places.
    auto plan = shell("");
    std::string script;
    for (std::size_t i = 0; i < files.size(); ++i) {
        int const number = files[(i + 1) % files.size()].get();
        plan.descriptors.push_back({&files[i], number});
        script += "echo " + std::to_string(i) + " >/proc/self/fd/" + std::to_string(number) + ";";
    }
    plan.descriptors.push_back({&files[0], 1});
    plan.program.arguments[2] = script;
    CHECK(run(plan).success());
    for (std::size_t i = 0; i < files.size(); ++i)
        CHECK(text_of(files[i]) == std::to_string(i) + "\n");
}

TEST_CASE("a program has no descriptor but those it was given", "[master][launch][cluster]")
{
    handle const careless{::open("/dev/null", O_RDONLY)}; // NOLINT: that is the point
    auto const file = memory_file();
    auto plan = sleeping();
    plan.descriptors.push_back({&file, 7});
    auto const process = launch(plan);
    REQUIRE(until_runs(process, "sleep"));
    auto const open = [&] {
        std::vector<std::string> out;
        for (auto const& one :
             std::filesystem::directory_iterator{"/proc/" + std::to_string(process.pid()) + "/fd"})
            out.push_back(one.path().filename().string());
        std::sort(out.begin(), out.end());
        return out;
    };
    std::vector<std::string> const expected{"0", "1", "2", "7"};
    CHECK(test::wait_until([&] { return open() == expected; })); // the loader opens libraries
}

TEST_CASE("a step that fails before the program is named in the error", "[master][launch][cluster]")
{
    auto const before = test::descriptor_count();
    auto const why = [](launch_plan const& plan) { return run(plan).not_executed; };

    launch_plan plan = shell("exit 0");
    plan.directory = "/no/such/directory";
    CHECK(why(plan) == errc::no_such_file_or_directory);
    CHECK(why(plan).message() == "enter the directory: No such file or directory");

    plan = shell("exit 0");
    plan.cpus = {8191};
    CHECK(why(plan) == errc::invalid_argument);
    CHECK(why(plan).message() == "run on these CPUs: Invalid argument");

    plan = {.program = {.path = "/no/such/program"}};
    CHECK(why(plan) == errc::no_such_file_or_directory);
    CHECK(why(plan).message() == "No such file or directory");
    CHECK(run(plan).text() == "not executed: No such file or directory");

    CHECK(why({.program = {.path = "/etc/passwd"}}) == errc::permission_denied);
    CHECK(why({.program = {.path = "/etc/passwd/x"}}) == errc::not_a_directory);
    CHECK_FALSE(has_children());
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("what execve would misunderstand is refused", "[master][launch]")
{
    std::string const zero{"a\0b", 3};
    CHECK(error_of({.program = {.path = zero}}) == EINVAL);
    CHECK(error_of({.program = {.path = "/bin/true", .arguments = {"true", zero}}}) == EINVAL);
    CHECK(error_of({.program = {.path = "/bin/true", .environment = {zero}}}) == EINVAL);
    CHECK(error_of({.program = {.path = "/bin/true", .environment = {"=x"}}}) == EINVAL);
    CHECK(error_of({.program = {.path = "/bin/true"}, .directory = zero}) == EINVAL);
    CHECK(error_of({.program = {.path = "/bin/true"}, .cpus = {8192}}) == EINVAL);
    handle const none;
    CHECK(error_of({.program = {.path = "/bin/true"}, .descriptors = {{&none, 3}}}) == EBADF);
    CHECK_FALSE(has_children());
}

TEST_CASE("a name without a slash is looked up in the child's PATH", "[master][launch][cluster]")
{
    launch_plan plan{.program = {.path = "true", .search = true}};
    CHECK(run(plan).success());
    plan.program.environment = {"PATH=/no/such:/etc/passwd:/bin"};
    CHECK(run(plan).success());
    plan.program.environment = {"PATH=/no/such:/etc/passwd"};
    CHECK(run(plan).not_executed == errc::no_such_file_or_directory);
    plan.program.environment = {"PATH=/etc:/no/such"}; // /etc/passwd is there, and no program
    plan.program.path = "passwd";
    CHECK(run(plan).not_executed == errc::permission_denied);
    plan = {.program = {.path = "sh", .search = true, .environment = {"PATH="}}};
    plan.directory = "/bin"; // an empty entry is where it starts
    plan.program.arguments = {"sh", "-c", "exit 7"};
    CHECK(run(plan).code == 7);
    plan.program.search = false;
    plan.directory = "/";
    CHECK(run(plan).not_executed == errc::no_such_file_or_directory);
}

TEST_CASE("a process runs on the CPUs it was given and no other", "[master][launch][cluster]")
{
    cpu_set_t allowed;
    REQUIRE(::sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        auto plan = sleeping();
        plan.cpus = {cpu};
        auto const process = launch(plan);
        REQUIRE(until_runs(process, "sleep"));
        CHECK(line_of(process.pid(), "Cpus_allowed_list") == std::to_string(cpu));
    }
}

TEST_CASE("a process that is to be another user has that one's rights and none of ours",
          "[master][launch][cluster]")
{
    if (!is_root("becoming another user"))
        return;
    // A port that only root may bind, opened before the rights are given up.
    net::io_context io;
    net::ip::tcp::acceptor privileged{io};
    privileged.open(net::ip::tcp::v4());
    boost::system::error_code in_use;
    for (net::ip::port_type port = 1023; port > 600; --port)
        if (!privileged.bind({net::ip::make_address("127.0.0.1"), port}, in_use))
            break;
    REQUIRE_FALSE(in_use);
    privileged.listen();
    handle const listener{::fcntl(privileged.native_handle(), F_DUPFD_CLOEXEC, 0)};

    auto plan = sleeping();
    plan.user = {nobody, nobody, {nobody, 12345}};
    plan.descriptors = {{&listener, 3}};
    auto const process = launch(plan);
    REQUIRE(until_runs(process, "sleep"));
    auto const four = [](std::uint32_t id) {
        auto const one = std::to_string(id);
        return one + " " + one + " " + one + " " + one;
    };
    CHECK(line_of(process.pid(), "Uid") == four(nobody));
    CHECK(line_of(process.pid(), "Gid") == four(nobody));
    CHECK(line_of(process.pid(), "Groups") == "12345 65534");
    CHECK(line_of(process.pid(), "CapEff") == "0000000000000000");
    CHECK(line_of(process.pid(), "CapPrm") == "0000000000000000");
    CHECK(std::filesystem::read_symlink("/proc/" + std::to_string(process.pid()) + "/fd/3")
              .string()
              .starts_with("socket:"));
}

TEST_CASE("the parent-death signal outlives becoming another user", "[master][launch][cluster]")
{
    if (!is_root("becoming another user"))
        return;
    // Where every user may read and execute it, wherever this was built.
    auto folder = (std::filesystem::temp_directory_path() / "covey-launch-XXXXXX").string();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    std::filesystem::permissions(folder, std::filesystem::perms{0755});
    std::filesystem::copy_file(PLAIN_CHILD, folder + "/child");
    std::filesystem::permissions(folder + "/child", std::filesystem::perms{0755});

    launch_plan plan{.program = {.path = folder + "/child"}};
    plan.dies_with_this_thread = true;
    CHECK(said_by(plan).first == "parent-death signal 9, root again\n");
    plan.user = {nobody, nobody};
    CHECK(said_by(plan).first == "parent-death signal 9, root never\n");
    plan.dies_with_this_thread = false;
    CHECK(said_by(plan).first == "parent-death signal 0, root never\n");
    std::filesystem::remove_all(folder);
}

TEST_CASE("becoming another user without the right to is an error", "[master][launch][cluster]")
{
    auto const become = [] {
        launch_plan plan{.program = {.path = "/bin/true"}};
        plan.user = {nobody - 1, nobody - 1};
        auto const status = run(plan);
        return status.not_executed == errc::operation_not_permitted ? 0 : 1;
    };
    CHECK(in_a_fork([&] {
              return ::geteuid() == 0 && ::setresuid(nobody, nobody, nobody) != 0 ? 2 : become();
          }) == 0);
}

TEST_CASE("no room for another process is an error and leaves nothing behind",
          "[master][launch][cluster]")
{
    auto const limited = [] {
        // Counted for the user, and never held against root.
        rlimit const none{1, 1};
        if (::geteuid() == 0 && ::setresuid(nobody - 7, nobody - 7, nobody - 7) != 0)
            return 2;
        ::setrlimit(RLIMIT_NPROC, &none);
        auto const before = test::descriptor_count();
        if (error_of({.program = {.path = "/bin/true"}}) != EAGAIN)
            return 3;
        if (has_children() || test::descriptor_count() != before)
            return 4;
        return 0;
    };
    CHECK(in_a_fork(limited) == 0);
}

TEST_CASE("no room for another descriptor is an error and leaves nothing behind",
          "[master][launch][cluster]")
{
    CHECK(in_a_fork([] {
              auto all = test::filled_table(64);
              // Two are enough: the pidfd comes to where the pipe's other end was.
              for (int free = 0; free < 2; ++free) {
                  if (error_of({.program = {.path = "/bin/true"}}) != EMFILE)
                      return 1;
                  all.pop_back();
              }
              if (error_of({.program = {.path = "/bin/true"}}) != 0)
                  return 2;
              // The child finds no room to sort its descriptors in: the same error, from there.
              auto plan = shell("exit 0");
              plan.descriptors = {{&all[0], 50}, {&all[1], 63}};
              if (run(plan).not_executed != errc::too_many_files_open)
                  return 3;
              all.clear();
              if (test::descriptor_count() > 10 || has_children())
                  return 4;
              return 0;
          }) == 0);
}

TEST_CASE("a signal never reaches the stranger who got the pid", "[master][launch][cluster]")
{
    auto const give_next_pid = [](std::int64_t pid) {
        std::ofstream last{"/proc/sys/kernel/ns_last_pid"};
        last << pid - 1 << std::flush;
        return last.good();
    };
    // Another process of the machine may take the pid first: tried until it has been ours.
    for (int attempt = 0; attempt < 200; ++attempt) {
        auto first = launch({.program = {.path = "/bin/true"}});
        end_of(first);
        if (!give_next_pid(first.pid())) {
            WARN("this machine lets nobody choose the next pid: that it comes again is not tried");
            return;
        }
        auto second = launch(sleeping());
        if (second.pid() != first.pid())
            continue;
        CHECK_FALSE(first.signal(SIGKILL));
        CHECK_FALSE(first.signal_group(SIGKILL));
        first.end();
        CHECK_FALSE(test::is_gone(static_cast<pid_t>(second.pid())));
        CHECK(second.signal(SIGTERM));
        CHECK(end_of(second).signal == SIGTERM);
        return;
    }
    WARN("the pid never came again");
}

TEST_CASE("a group's signal reaches what the process has started", "[master][launch][cluster]")
{
    auto const kind = GENERATE(group::own, group::session);
    auto const output = memory_file();
    auto plan = shell("sleep 1000 & echo $!; wait");
    plan.group = kind;
    plan.descriptors = {{&output, 1}};
    auto process = launch(plan);
    REQUIRE(test::wait_until([&] { return text_of(output).ends_with("\n"); }));
    auto const grandchild = static_cast<pid_t>(std::stoi(text_of(output)));
    CHECK(process.signal_group(SIGTERM));
    CHECK(end_of(process).signal == SIGTERM);
    CHECK(test::wait_until([&] { return test::is_gone(grandchild); }));
    CHECK_FALSE(process.signal_group(SIGTERM));

    auto const alone = launch(sleeping());
    CHECK_FALSE(alone.signal_group(SIGTERM)); // our own group is not its
}

TEST_CASE("children that somebody else started are left alone", "[master][launch][cluster]")
{
    auto const stranger = ::fork();
    if (stranger == 0)
        ::_exit(42);
    for (int i = 0; i < 3; ++i)
        run({.program = {.path = "/bin/true"}});
    int status = 0;
    CHECK(::waitpid(stranger, &status, 0) == stranger);
    CHECK(WEXITSTATUS(status) == 42);
}

TEST_CASE("a launched process moves, and goes with its last place", "[master][launch][cluster]")
{
    auto const plan = sleeping();
    auto first = launch(plan);
    auto const first_pid = static_cast<pid_t>(first.pid());
    launched second{std::move(first)};
    CHECK_FALSE(first.signal(0)); // NOLINT: a moved-from one is nobody
    CHECK(second.signal(0));
    second = launch(plan);
    CHECK(test::is_gone(first_pid));
    auto const pid = static_cast<pid_t>(second.pid());
    second.release();
    CHECK_FALSE(second.signal(SIGKILL));
    second = {};
    CHECK_FALSE(test::is_gone(pid));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    CHECK_FALSE(has_children());
}

} // namespace launch_test
