// fork: a program with a channel. The other end is plain_child.
#include "process_support.hpp"

#include <boost/asio/error.hpp>
#include <covey/master/process/fork.hpp>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace fork_test {

using namespace covey;
using namespace covey::test;

namespace {

auto forked_by(process_loop& it, std::string path, process::options how = {})
{
    return it.wait<process::forked>([&](auto done) {
        process::fork(it.io.get_executor(), std::move(path), {"talk"}, std::move(how),
                      std::move(done));
    });
}

} // namespace

TEST_CASE("parent and child talk, and handles go beside the words", "[master][process][cluster]")
{
    auto const before = test::descriptor_count();
    {
        process_loop it;
        auto [failed, child] = forked_by(it, PLAIN_CHILD);
        REQUIRE_FALSE(failed);
        auto const [lost, reply] = it.wait<message>([&, &channel = child.channel()](auto done) {
            channel.async_request("hello", 20s, std::move(done));
        });
        CHECK_FALSE(lost);
        CHECK(reply.body.as<std::string>() == "hello from " + std::to_string(child.pid()));

        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        process::stream ours{it.io.get_executor(), handle{ends[0]}};
        CHECK(child.channel().send("write", {pass(handle{ends[1]})}) != send_status::invalid);
        std::string text(16, ' ');
        auto const [broken, bytes] = it.wait<std::size_t>(
            [&](auto done) { ours.async_read_some(net::buffer(text), std::move(done)); });
        CHECK_FALSE(broken);
        CHECK(text.substr(0, bytes) == "written");

        child.channel().close(); // the child sees the end and leaves
        CHECK(it.end_of(child).code == 0);
        CHECK_FALSE(has_children());
    }
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("a fork that cannot be is an error, and leaves no channel", "[master][process][cluster]")
{
    process_loop it;
    auto const before = test::descriptor_count();
    CHECK(forked_by(it, "/no/such/program").first == errc::no_such_file_or_directory);
    CHECK(forked_by(it, PLAIN_CHILD, {.directory = "/no/such"}).first ==
          errc::no_such_file_or_directory);
    CHECK_FALSE(has_children());
    CHECK(test::descriptor_count() == before);
    CHECK_FALSE(process::parent(it.io.get_executor()).has_value()); // nobody forked this
    CHECK(std::getenv("COVEY_CHANNEL_FD") == nullptr);
}

TEST_CASE("the end of a child ends the conversation with it", "[master][process][cluster]")
{
    process_loop it;
    auto [failed, child] = forked_by(it, PLAIN_CHILD);
    REQUIRE_FALSE(failed);
    std::optional<error_code> ended;
    child.channel().on_end([&](error_code why) { ended = why; });
    CHECK(child.kill(SIGKILL));
    CHECK(it.end_of(child).signal == SIGKILL);
    CHECK(run_until(it.io, [&] { return ended.has_value(); }));
    CHECK(child.channel().send("hello") == send_status::closed);
}

} // namespace fork_test
