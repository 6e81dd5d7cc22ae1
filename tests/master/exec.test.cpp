// exec and exec_file: a program run to its end, within bounds.
#include "process_support.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace exec_test {

using namespace covey;
using namespace covey::test;

TEST_CASE("exec collects what a command writes, and tells how it ended",
          "[master][process][cluster]")
{
    process_loop it;
    auto const before = test::descriptor_count();
    auto const [failed, done] = it.exec("echo one; echo two >&2; echo $((1 + 2)) | cat; exit 7");
    CHECK_FALSE(failed); // its exit code is its own affair
    CHECK(done.status.code == 7);
    CHECK(done.output == "one\n3\n");
    CHECK(done.errors == "two\n");
    CHECK(it.exec("kill -SEGV $$").second.status.signal == SIGSEGV);
    CHECK(it.exec("cat").second.status.success());  // its input is empty
    CHECK(it.exec("-e").second.status.code == 127); // a command, not an option of the shell
    CHECK_FALSE(has_children());
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("a status tells whether a core was dumped", "[master][process][cluster]")
{
    namespace fs = std::filesystem;
    std::string pattern;
    std::getline(std::ifstream{"/proc/sys/kernel/core_pattern"} >> std::ws, pattern);
    char name[] = "/tmp/covey-core-XXXXXX";
    fs::path const directory{::mkdtemp(name)};
    process_loop it;
    auto const aborted = [&](std::string const& limit) {
        return it.exec("ulimit -c " + limit + "; kill -ABRT $$", {.directory = directory.string()})
            .second.status;
    };
    auto const bare = aborted("0");
    auto const dumped = aborted("unlimited");
    CHECK(bare.signal == SIGABRT);
    CHECK(dumped.signal == SIGABRT);
    if (pattern.find_first_of("|/") == pattern.npos) { // else it went elsewhere
        CHECK_FALSE(bare.core);
        CHECK(dumped.core == !fs::is_empty(directory));
        CHECK(dumped.text().ends_with(dumped.core ? ", core dumped" : ")"));
    }
    fs::remove_all(directory);
}

TEST_CASE("exec_file hands words to a program as they are", "[master][process][cluster]")
{
    process_loop it;
    auto const [failed, done] = it.exec_file("printf", {"%s|", "a b", "$HOME", ";exit", ""});
    CHECK_FALSE(failed);
    CHECK(done.output == "a b|$HOME|;exit||");
    auto const [missing, nothing] = it.exec_file("/no/such/program", {});
    CHECK(missing == errc::no_such_file_or_directory);
    CHECK(nothing.status.not_executed == missing);
    CHECK(it.exec_file("/etc/passwd", {}).first == errc::permission_denied);
    CHECK_FALSE(has_children());
}

TEST_CASE("output above its limit ends the program, and what it wrote before is kept",
          "[master][process][cluster]")
{
    process_loop it;
    process::options const limited{.output_bytes_max = 1000};
    auto const [failed, done] = it.exec("yes", limited);
    CHECK(failed == process::error::output_too_long);
    CHECK(failed.message() == "the program wrote more than was allowed");
    CHECK(done.output.size() == 1000);
    CHECK(done.output.starts_with("y\ny\n"));
    CHECK(done.status.signal == SIGTERM);

    CHECK(it.exec("yes >&2", limited).first == process::error::output_too_long);
    // Each output has a limit of its own, and may be as long as that.
    auto const just = it.exec("head -c 1000 /dev/zero; head -c 1000 /dev/zero >&2", limited);
    CHECK_FALSE(just.first);
    CHECK(just.second.output.size() == 1000);
    CHECK(just.second.errors.size() == 1000);
    CHECK(it.exec("head -c 1001 /dev/zero", limited).first == process::error::output_too_long);
    CHECK(it.exec("head -c 1048576 /dev/zero").second.output.size() == 1 << 20); // the default
    CHECK(it.exec("head -c 1048577 /dev/zero").first == process::error::output_too_long);
    CHECK_FALSE(has_children());
}

TEST_CASE("a program that takes too long is ended with all it has started",
          "[master][process][cluster]")
{
    process_loop it;
    std::string script = "sleep 1000 & echo $!; wait";
    auto expected = SIGTERM;
    process::options how{.timeout = 300ms, .kill_after = 100ms};
    SECTION("by the signal that is asked for")
    {
        how.kill_signal = SIGHUP;
        expected = SIGHUP;
    }
    SECTION("by SIGKILL when it ignores that")
    {
        script = "trap '' TERM; " + script; // the sleep inherits it
        expected = SIGKILL;
    }
    SECTION("when the shell has left somebody behind who holds the output")
    {
        script = "sleep 1000 & echo $!";
        expected = 0;
    }
    SECTION("when the shell has left somebody behind who ignores the signal")
    {
        script = "trap '' TERM; sleep 1000 & echo $!";
        expected = 0;
    }
    auto const [failed, done] = it.exec(script, how);
    CHECK(failed == net::error::timed_out);
    CHECK(done.status.signal == expected);
    REQUIRE_FALSE(done.output.empty());
    auto const left = static_cast<pid_t>(std::stoi(done.output));
    CHECK(test::wait_until([&] { return test::is_gone(left); }));
    CHECK_FALSE(has_children());
}

TEST_CASE("a command that is in time has its timeout forgotten", "[master][process][cluster]")
{
    process_loop it;
    auto const [failed, done] = it.exec("echo done", {.timeout = 1h});
    CHECK_FALSE(failed);
    CHECK(done.output == "done\n");
    it.io.restart();
    it.io.run(); // and does not keep the loop
}

TEST_CASE("an exec that is cancelled kills", "[master][process][cluster]")
{
    process_loop it;
    net::cancellation_signal cancel;
    std::optional<error_code> told;
    process::outcome got;
    process::exec(
        it.io.get_executor(), "echo begun; sleep 1000", {.kill_signal = SIGINT},
        net::bind_cancellation_slot(cancel.slot(), [&](error_code why, process::outcome done) {
            told = why;
            got = std::move(done);
        }));
    for (int turn = 0; turn < 20; ++turn)
        it.io.run_one_for(10ms);
    cancel.emit(net::cancellation_type::terminal);
    REQUIRE(run_until(it.io, [&] { return told.has_value(); }));
    CHECK(*told == net::error::operation_aborted);
    CHECK_FALSE(got.status.success());
    CHECK_FALSE(has_children());
}

TEST_CASE("a hundred commands at once all end, and nothing is left", "[master][process][cluster]")
{
    process_loop it;
    auto const before = test::descriptor_count();
    int ended = 0;
    for (int i = 0; i < 100; ++i)
        process::exec(it.io.get_executor(), "echo " + std::to_string(i), {},
                      [&, i](error_code failed, process::outcome done) {
                          ended += !failed && done.output == std::to_string(i) + "\n";
                      });
    CHECK(run_until(it.io, [&] { return ended == 100; }));
    CHECK_FALSE(has_children());
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("a loop that is destroyed takes its commands with it", "[master][process][cluster]")
{
    auto const before = test::descriptor_count();
    {
        process_loop it;
        process::exec(it.io.get_executor(), "sleep 1000", {},
                      [](error_code, process::outcome) { CHECK(false); });
        while (!has_children())
            it.io.poll_one();
    }
    CHECK_FALSE(has_children());
    CHECK(test::descriptor_count() == before);
}

} // namespace exec_test
