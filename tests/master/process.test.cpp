// spawn: a process with streams.
#include "process_support.hpp"
#include "support/descriptor_limit.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace process_test {

using namespace covey;
using namespace covey::test;
using process::source;

namespace {

std::string read_all(process_loop& it, process::stream& from)
{
    std::string out;
    auto const [failed, bytes] = it.wait<std::size_t>(
        [&](auto done) { net::async_read(from, net::dynamic_buffer(out), std::move(done)); });
    CHECK(failed == net::error::eof);
    return out;
}

int in_a_fork(int (*what)())
{
    auto const pid = ::fork();
    if (pid == 0)
        ::_exit(what());
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("a spawned program reads what it is written and writes what is read",
          "[master][process][cluster]")
{
    auto const before = test::descriptor_count();
    {
        process_loop it;
        auto const with_loop = test::descriptor_count();
        auto [failed, sort] = it.spawn("sort", {"-n"});
        REQUIRE_FALSE(failed);
        CHECK(sort.pid() > 0);
        CHECK_FALSE(sort.status());
        auto const [broken, bytes] = it.wait<std::size_t>([&, &child = sort](auto done) {
            net::async_write(child.input(), net::buffer("30\n4\n200\n", 9), std::move(done));
        });
        CHECK_FALSE(broken);
        CHECK(bytes == 9);
        sort.input().close();
        CHECK(read_all(it, sort.output()) == "4\n30\n200\n");
        CHECK(read_all(it, sort.errors()).empty());
        CHECK(it.end_of(sort).success());
        CHECK(it.end_of(sort).success()); // again, after the end
        CHECK(sort.status() == exit_status{});
        CHECK_FALSE(sort.kill());
        CHECK_FALSE(has_children());
        sort = {};
        CHECK(test::descriptor_count() == with_loop);
    }
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("a program that cannot be spawned is an error, and no process is left",
          "[master][process][cluster]")
{
    process_loop it;
    auto const before = test::descriptor_count();
    CHECK(it.spawn("/no/such/program", {}).first == errc::no_such_file_or_directory);
    CHECK(it.spawn("no-such-program-anywhere", {}).first == errc::no_such_file_or_directory);
    CHECK(it.spawn("/etc/passwd", {}).first == errc::permission_denied);
    CHECK(it.spawn("/bin/true", {std::string{"a\0b", 3}}).first == errc::invalid_argument);
    CHECK(it.shell("", {.extra = {nullptr}}).first == errc::bad_file_descriptor);
    auto const nowhere = it.shell("exit 0", {.directory = "/no/such"}).first;
    CHECK(nowhere == errc::no_such_file_or_directory);
    CHECK(nowhere.message() == "enter the directory: No such file or directory");
    CHECK_FALSE(has_children());
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("no room for a process or a descriptor is an error of spawn",
          "[master][process][cluster]")
{
    CHECK(in_a_fork([] {
              process_loop it;
              auto const before = test::descriptor_count();
              rlimit const none{1, 1};
              if (::geteuid() == 0 && ::setresuid(65527, 65527, 65527) != 0)
                  return 1;
              ::setrlimit(RLIMIT_NPROC, &none);
              if (it.spawn("/bin/true", {}).first != errc::resource_unavailable_try_again)
                  return 2;
              return test::descriptor_count() == before && !has_children() ? 0 : 3;
          }) == 0);
    CHECK(in_a_fork([] {
              process_loop it;
              auto const before = test::descriptor_count();
              auto all = test::filled_table(32);
              // With ever more room, whichever of its descriptors finds none.
              int failures = 0;
              while (it.spawn("/bin/true", {}).first == errc::too_many_files_open) {
                  ++failures;
                  if (all.empty())
                      return 1;
                  all.pop_back();
              }
              all.clear();
              if (failures < 5)
                  return 2;
              run_until(it.io, [] { return !has_children(); });
              return test::descriptor_count() == before && !has_children() ? 0 : 3;
          }) == 0);
}

TEST_CASE("a spawned program gets the surroundings that are asked for",
          "[master][process][cluster]")
{
    process_loop it;
    auto const file = share(handle{::memfd_create("errors", MFD_CLOEXEC)});
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    process::stream beside{it.io.get_executor(), handle{ends[0]}};
    ::setenv("COVEY_CHANNEL_FD", "999", 1); // as if this were a worker's
    auto [failed, child] =
        it.shell("pwd; echo \"$COVEY_TEST_WHO ${COVEY_CHANNEL_FD-none}\"; echo x >&2; echo y >&3",
                 {.environment = {"COVEY_TEST_WHO=child"},
                  .directory = "/usr",
                  .standard_input = source::null,
                  .standard_error = file,
                  .extra = {share(handle{ends[1]})}});
    ::unsetenv("COVEY_CHANNEL_FD");
    REQUIRE_FALSE(failed);
    CHECK_FALSE(child.input().is_open());
    CHECK_FALSE(child.errors().is_open());
    CHECK(read_all(it, child.output()) == "/usr\nchild none\n");
    CHECK(read_all(it, beside) == "y\n");
    CHECK(it.end_of(child).success());
    std::string text(16, '\0');
    text.resize(static_cast<std::size_t>(::pread(file->get(), text.data(), text.size(), 0)));
    CHECK(text == "x\n");
}

TEST_CASE("a program that does not read breaks the pipe and harms nobody",
          "[master][process][cluster]")
{
    auto const old = std::signal(SIGPIPE, SIG_DFL); // which would end this test
    process_loop it;
    auto [failed, child] = it.shell("exit 3");
    REQUIRE_FALSE(failed);
    CHECK(it.end_of(child).code == 3);
    auto const [broken, bytes] = it.wait<std::size_t>([&, &input = child.input()](auto done) {
        net::async_write(input, net::buffer("text", 4), std::move(done));
    });
    std::signal(SIGPIPE, old);
    CHECK(broken == errc::broken_pipe);
    CHECK(bytes == 0);
}

TEST_CASE("a write waits while the program does not read, and can be cancelled",
          "[master][process][cluster]")
{
    process_loop it;
    auto [failed, child] = it.spawn("sleep", {"1000"});
    REQUIRE_FALSE(failed);
    std::string const much(1 << 20, 'x');
    std::optional<error_code> told;
    net::cancellation_signal cancel;
    net::async_write(child.input(), net::buffer(much),
                     net::bind_cancellation_slot(cancel.slot(),
                                                 [&](error_code why, std::size_t) { told = why; }));
    for (int turn = 0; turn < 20; ++turn)
        it.io.poll_one();
    CHECK_FALSE(told);
    cancel.emit(net::cancellation_type::all);
    REQUIRE(run_until(it.io, [&] { return told.has_value(); }));
    CHECK(*told == net::error::operation_aborted);
}

TEST_CASE("a child is killed by its signal, its timeout, or the end of its object",
          "[master][process][cluster]")
{
    process_loop it;
    auto [failed, child] = it.spawn("sleep", {"1000"});
    REQUIRE_FALSE(failed);
    CHECK_FALSE(child.kill_tree()); // it is not detached: the group is ours
    CHECK(child.kill(SIGINT));
    CHECK(it.end_of(child).signal == SIGINT);

    auto [failed_2, timed] = it.spawn("sleep", {"1000"}, {.timeout = 20ms});
    REQUIRE_FALSE(failed_2);
    CHECK(it.end_of(timed).signal == SIGTERM);

    auto [failed_3, stubborn] = it.shell("trap '' TERM; echo; while :; do sleep 0.01; done",
                                         {.timeout = 300ms, .kill_after = 20ms});
    REQUIRE_FALSE(failed_3);
    CHECK(it.end_of(stubborn).signal == SIGKILL);

    auto [failed_4, dropped] = it.spawn("sleep", {"1000"});
    REQUIRE_FALSE(failed_4);
    auto const pid = static_cast<pid_t>(dropped.pid());
    std::optional<error_code> told;
    dropped.async_wait([&](error_code why, exit_status) { told = why; });
    dropped = {};
    CHECK(run_until(it.io, [&] { return told && !has_children(); })); // reaped by the loop
    CHECK(*told == net::error::operation_aborted);
    CHECK(test::is_gone(pid));
}

TEST_CASE("a loop that is destroyed takes its children with it", "[master][process][cluster]")
{
    auto const before = test::descriptor_count();
    pid_t pid = 0;
    {
        process_loop it;
        auto [failed, child] = it.spawn("sleep", {"1000"});
        REQUIRE_FALSE(failed);
        pid = static_cast<pid_t>(child.pid());
        bool told = false;
        process::spawn(it.io.get_executor(), "sleep", {"1000"}, {},
                       [&](error_code, process::child) { told = true; }); // not even started
        CHECK_FALSE(told);
    }
    CHECK(test::is_gone(pid));
    CHECK_FALSE(has_children());
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("a detached child leads a session, and goes on when it is released",
          "[master][process][cluster]")
{
    pid_t released = 0;
    {
        process_loop it;
        auto [failed, child] = it.shell("sleep 1000 & echo $!; wait",
                                        {.standard_error = source::null, .detached = true});
        REQUIRE_FALSE(failed);
        CHECK(::getsid(static_cast<pid_t>(child.pid())) == child.pid());
        std::string line;
        REQUIRE_FALSE(it.wait<std::size_t>([&, &from = child.output()](auto done) {
                            net::async_read(from, net::dynamic_buffer(line),
                                            net::transfer_at_least(2), std::move(done));
                        }).first);
        CHECK(child.kill_tree());
        CHECK(it.end_of(child).signal == SIGTERM);
        CHECK(test::wait_until([&] { return test::is_gone(std::stoi(line)); }));
        CHECK_FALSE(child.kill_tree());

        auto [failed_2, other] = it.spawn("sleep", {"1000"},
                                          {.standard_input = source::null,
                                           .standard_output = source::null,
                                           .standard_error = source::null,
                                           .detached = true});
        REQUIRE_FALSE(failed_2);
        released = static_cast<pid_t>(other.pid());
        other.release();
        CHECK(other.pid() == 0);
        it.io.poll();
    }
    CHECK_FALSE(test::is_gone(released)); // the loop is gone, too
    ::kill(released, SIGKILL);
    ::waitpid(released, nullptr, 0);
}

TEST_CASE("a released child is reaped by the loop", "[master][process][cluster]")
{
    process_loop it;
    auto [failed, child] = it.spawn("sleep", {"0.05"}, {.detached = true});
    REQUIRE_FALSE(failed);
    child.release();
    it.io.restart();
    it.io.run(); // until nothing is left to wait for
    CHECK_FALSE(has_children());
}

TEST_CASE("a spawn that is cancelled kills, and a wait that is cancelled does not",
          "[master][process][cluster]")
{
    process_loop it;
    net::cancellation_signal cancel;
    std::optional<error_code> told;
    process::spawn(it.io.get_executor(), "sleep", {"1000"}, {},
                   net::bind_cancellation_slot(
                       cancel.slot(), [&](error_code why, process::child) { told = why; }));
    // Fork it, and cancel before the loop has seen it run.
    while (!has_children())
        it.io.poll_one();
    cancel.emit(net::cancellation_type::terminal);
    CHECK(run_until(it.io, [&] { return told && !has_children(); }));
    CHECK((*told == net::error::operation_aborted));

    auto [failed, child] = it.spawn("sleep", {"1000"});
    REQUIRE_FALSE(failed);
    told.reset();
    child.async_wait(net::bind_cancellation_slot(cancel.slot(),
                                                 [&](error_code why, exit_status) { told = why; }));
    cancel.emit(net::cancellation_type::terminal);
    REQUIRE(run_until(it.io, [&] { return told.has_value(); }));
    CHECK(*told == net::error::operation_aborted);
    CHECK_FALSE(child.status());
    CHECK(child.kill());
    CHECK(it.end_of(child).signal == SIGTERM);
}

TEST_CASE("a process may be awaited in a coroutine and from another thread",
          "[master][process][cluster]")
{
    process_loop it;
    std::string text;
    exit_status status;
    net::co_spawn(
        it.io,
        [&]() -> net::awaitable<void> {
            std::vector<std::string> const words{"hello"}; // GCC 12: no list inside co_await
            auto child = co_await process::spawn(it.io.get_executor(), "echo", words, {},
                                                 net::use_awaitable);
            text.resize(6);
            co_await net::async_read(child.output(), net::buffer(text), net::use_awaitable);
            status = co_await child.async_wait(net::use_awaitable);
            // Named: GCC 12 copies an aggregate written out in a co_await byte by byte.
            process::options const in_usr{
                .directory = "/usr", .standard_input = source::null, .timeout = 1h};
            auto elsewhere = co_await process::spawn(it.io.get_executor(), "pwd", {}, in_usr,
                                                     net::use_awaitable);
            std::string where(5, ' ');
            co_await net::async_read(elsewhere.output(), net::buffer(where), net::use_awaitable);
            CHECK(where == "/usr\n");
            co_await elsewhere.async_wait(net::use_awaitable);
            CHECK_THROWS_AS(co_await process::spawn(it.io.get_executor(), "/no/such", {}, {},
                                                    net::use_awaitable),
                            boost::system::system_error);
        },
        [](std::exception_ptr thrown) { CHECK_FALSE(thrown); });
    it.io.run();
    CHECK(text == "hello\n");
    CHECK(status.success());

    // From a loop on a thread of its own: nothing may die with that thread.
    net::io_context other{1};
    auto const work = net::make_work_guard(other);
    std::thread thread{[&] { other.run(); }};
    auto child = process::spawn(other.get_executor(), "sleep", {"1000"}, {}, net::use_future).get();
    other.stop();
    thread.join();
    CHECK(child.kill(0)); // it lives
    CHECK(child.kill(SIGKILL));
}

TEST_CASE("children that end and are reaped are never signalled again",
          "[master][process][cluster]")
{
    process_loop it;
    for (int i = 0; i < 50; ++i) {
        auto [failed, child] = it.spawn("/bin/true", {});
        REQUIRE_FALSE(failed);
        it.end_of(child);
        CHECK_FALSE(child.kill(SIGKILL));
        CHECK_FALSE(child.kill_tree(SIGKILL));
    }
    CHECK_FALSE(has_children());
}

} // namespace process_test
