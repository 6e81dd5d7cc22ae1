// line_writer: lines to a file that is moved, to a pipe that nobody reads, to a disk that is full.
#include "support/catch.hpp"
#include "support/scratch_folder.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <atomic>
#include <boost/system/system_error.hpp>
#include <covey/protocol/handle.hpp>
#include <covey/worker/line_writer.hpp>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace line_writer_test {

using covey::line_writer;
using covey::test::scratch_folder;
using covey::test::text_of;
using covey::test::wait_until;

TEST_CASE("lines arrive in their order, the last one before the writer is gone",
          "[worker][line_writer]")
{
    scratch_folder const here;
    std::string expected = "what was there\n";
    std::ofstream{here / "log"} << expected;
    {
        line_writer lines{here / "log"};
        for (int i = 0; i != 10'000; ++i) {
            auto const line = std::to_string(i) + '\n';
            expected += line;
            lines.write(line);
        }
        CHECK(lines.dropped() == 0);
    }
    CHECK(text_of(here / "log") == expected);
}

TEST_CASE("a file that is made is for its owner and group alone", "[worker][line_writer]")
{
    scratch_folder const here;
    line_writer const lines{here / "log"};
    struct ::stat found
    {};
    REQUIRE(::stat((here / "log").c_str(), &found) == 0);
    CHECK((found.st_mode & 07137) == 0);
    CHECK_THROWS_AS(line_writer{here / "no/such/folder"}, boost::system::system_error);
}

TEST_CASE("a file that is moved away, or removed, is opened anew under its name",
          "[worker][line_writer]")
{
    scratch_folder const here;
    bool const removed = GENERATE(false, true);
    line_writer lines{here / "log"};
    lines.write("before\n");
    REQUIRE(wait_until([&] { return text_of(here / "log") == "before\n"; }));
    if (removed)
        std::filesystem::remove(here / "log");
    else
        std::filesystem::rename(here / "log", here / "log.1");
    REQUIRE(wait_until([&] {
        lines.write("after\n");
        return text_of(here / "log").starts_with("after\n");
    }));
    if (!removed)
        CHECK(text_of(here / "log.1").starts_with("before\n"));
    CHECK(lines.dropped() == 0);
}

TEST_CASE("who writes lines never waits for a reader that has stopped, and what is lost is counted",
          "[worker][line_writer]")
{
    scratch_folder const here;
    auto const path = here / "pipe";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    covey::handle const reader{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    REQUIRE(reader.is_open());
    std::atomic<std::uint64_t> total{0};
    std::string const line(1023, 'x');
    std::uint64_t written = 0;
    std::uint64_t read = 0;
    auto const read_some = [&] {
        std::string page(1 << 16, '\0');
        auto const got = ::read(reader.get(), page.data(), page.size());
        if (got > 0)
            read += static_cast<std::uint64_t>(std::count(page.begin(), page.begin() + got, '\n'));
        return got > 0;
    };
    {
        line_writer lines{path, &total};
        for (; lines.dropped() < 1000; ++written)
            lines.write(line + '\n'); // with a writer that waits this ends by the test's timeout
        CHECK(total == lines.dropped());
        // Of 1 MiB that waits, as much that is being written, and the pipe's 64 KiB, nothing more.
        CHECK(written - lines.dropped() <= (2 * line_writer::bytes_max + (64 << 10)) / 1024);
        // Read again, it goes on where it was.
        REQUIRE(wait_until([&] {
            read_some();
            return read == written - lines.dropped();
        }));
        lines.write("last\n");
    }
    std::string last(5, '\0');
    REQUIRE(::read(reader.get(), last.data(), last.size()) == 5);
    CHECK(last == "last\n");
}

TEST_CASE("a writer whose reader has stopped does not keep its process", "[worker][line_writer]")
{
    scratch_folder const here;
    auto const path = here / "pipe";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    covey::handle const reader{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    {
        line_writer lines{path};
        for (int i = 0; i != 100; ++i)
            lines.write(std::string(4095, 'x') + '\n');
    } // and the test goes on
    CHECK(reader.is_open());
}

TEST_CASE("lines for a full disk are counted, and nothing else comes of it",
          "[worker][line_writer]")
{
    std::atomic<std::uint64_t> total{0};
    line_writer lines{"/dev/full", &total};
    for (int i = 0; i != 10; ++i)
        lines.write("x\n");
    CHECK(wait_until([&] { return total == 10; }));
    CHECK(lines.dropped() == 10);
}

} // namespace line_writer_test
