// System calls that fail on the way of a channel: interrupted a thousand times a second, told to
// try again, or failing once, whichever it is. A conversation either goes on with nothing lost or
// ends with a reason.
#include "protocol/wire.hpp"
#include "support/campaign.hpp"
#include "support/injection.hpp"
#include "support/interruptions.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sys/wait.h>

namespace syscalls_test {

using namespace covey;
using namespace covey::protocol;
using covey::test::campaign;
using covey::test::error_code;
using covey::test::times;
using namespace std::chrono_literals;

namespace {

constexpr int said_all = 0, ended_with_a_reason = 3, did_not_start = 4, lost_something = 5;

// One end of a conversation: says numbered frames of changing size, some with a handle, hears the
// same from the other end, and checks every one.
struct talker
{
    talker(net::io_context& loop, handle socket)
        : channel{loop.get_executor(), std::move(socket), {.queued_bytes_max = 64 << 10}}
    {
        if (!passed->is_open())
            throw boost::system::system_error{errno, boost::system::system_category(), "eventfd"};
        hear();
    }

    static std::size_t size_of(std::size_t number) { return 20 + number * 7'919 % 9'000; }

    void say(std::size_t until)
    {
        for (; said < until; ++said) {
            auto body = std::to_string(said) + ":";
            body.resize(size_of(said), 'x');
            std::vector<shared_handle> with(said % 5 == 0 ? 1 : 0, passed);
            auto const status = channel.send({7, std::move(body)}, std::move(with));
            if (status == send_status::would_block)
                return channel.async_drained([this, until](error_code failed) {
                    if (!failed)
                        say(until);
                });
            if (status == send_status::closed)
                return;
        }
    }

    void hear()
    {
        channel.async_receive([this](error_code failed, frame got, std::vector<handle> handles) {
            if (failed) {
                ended = failed;
                return;
            }
            if (got.body.size() != size_of(heard) || std::stoul(got.body) != heard ||
                handles.size() != (heard % 5 == 0 ? 1 : 0))
                ++wrong;
            ++heard;
            hear();
        });
    }

    frame_channel channel;
    shared_handle passed = test::make_shared_handle();
    std::size_t said = 0;
    std::size_t heard = 0;
    std::size_t wrong = 0;
    error_code ended;
};

std::string this_program()
{
    return std::filesystem::read_symlink("/proc/self/exe");
}

// Both ends on one loop: how it went, as an exit code. Starting may throw, and says so.
int converse(std::size_t frames)
{
    try {
        net::io_context loop{1};
        auto ends = make_socket_pair();
        talker left{loop, std::move(ends.first)}, right{loop, std::move(ends.second)};
        left.say(frames);
        right.say(frames);
        // Who was told that its peer is gone hears its last words first: here there is no end to
        // wait for, because the peer is not.
        auto const has_ended = [](talker const& it) {
            return it.ended.failed() || !it.channel.is_open();
        };
        bool const over = test::run_until(
            loop,
            [&] {
                return (left.heard == frames && right.heard == frames) || has_ended(left) ||
                       has_ended(right);
            },
            test::patience / 2);
        if (left.wrong + right.wrong > 0 || !over)
            return lost_something;
        return has_ended(left) || has_ended(right) ? ended_with_a_reason : said_all;
    } catch (boost::system::system_error const&) {
        return did_not_start;
    }
}

} // namespace

TEST_CASE("a conversation in a process of its own, for strace", "[.][conversation]")
{
    std::_Exit(converse(100));
}

TEST_CASE("two processes interrupted a thousand times a second lose nothing", "[fault]")
{
    campaign run{"interrupted system calls"};
    {
        auto ends = make_socket_pair();
        pid_t const child = ::fork();
        auto const until = std::chrono::steady_clock::now() + times(2s, 600s);
        // Both say another thousand whenever the other's last thousand is here.
        auto const talk = [until](handle socket) {
            test::interruptions const storm;
            net::io_context loop{1};
            talker me{loop, std::move(socket)};
            std::size_t frames = 0;
            bool in_time = true;
            while (in_time && !me.ended && std::chrono::steady_clock::now() < until) {
                me.say(frames += 1'000);
                in_time = test::run_until(
                    loop, [&] { return (me.heard >= frames && me.said == frames) || me.ended; });
            }
            bool drained = false; // what the other has not read yet leaves before the end
            me.channel.async_drained([&](error_code) { drained = true; });
            in_time = in_time && test::run_until(loop, [&] { return drained; });
            return std::pair{in_time && me.wrong == 0 && (!me.ended || me.ended == error::closed),
                             me.heard};
        };
        if (child == 0) {
            ends.first.reset();
            std::_Exit(talk(std::move(ends.second)).first ? 0 : 1);
        }
        ends.second.reset();
        auto const [right, heard] = talk(std::move(ends.first));
        int status = -1;
        while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        run.expect(right, "this end loses nothing");
        run.expect(status == 0, "nor does the other");
        run.count("frames heard", heard);
    }
    run.expect_descriptors_back();
}

TEST_CASE("system calls that fail again and again cost a conversation nothing", "[fault]")
{
    if (!test::injected::is_possible()) {
        WARN("strace cannot trace here: not run");
        return;
    }
    campaign run{"system calls that fail again and again"};
    for (int round = 0; round < times(1, 20); ++round)
        for (auto const* how : {"error=EAGAIN:when=2+2", "error=EINTR:when=1+3",
                                "error=EAGAIN:when=3+5", "error=EINTR:when=2+2"})
            for (auto const* calls : {"sendmsg", "recvmsg", "sendmsg,recvmsg"}) {
                test::injected talk{calls, how, this_program(), {"[conversation]"}};
                run.expect(talk.wait_for_end() == said_all, std::string{calls} + " " + how);
                run.count("conversations");
            }
    for (auto const* how : {"error=ENOBUFS:when=2+3", "error=ETOOMANYREFS:when=1+2"}) {
        test::injected talk{"sendmsg", how, this_program(), {"[conversation]"}};
        run.expect(talk.wait_for_end() == said_all, std::string{"sendmsg "} + how);
        run.count("conversations");
    }
    run.expect_descriptors_back();
}

TEST_CASE("one system call that fails ends a conversation cleanly or not at all", "[fault]")
{
    if (!test::injected::is_possible()) {
        WARN("strace cannot trace here: not run");
        return;
    }
    campaign run{"the Nth system call fails"};
    struct failure
    {
        char const* call;
        char const* with;
        int quick; // how many of them, from the first
    };
    for (auto const& each :
         {failure{"socketpair", "EMFILE", 1}, failure{"epoll_create1", "EMFILE", 1},
          failure{"eventfd2", "EMFILE", 2}, failure{"timerfd_create", "EMFILE", 1},
          failure{"epoll_ctl", "ENOMEM", 8}, failure{"sendmsg", "ENOMEM", 4},
          failure{"sendmsg", "EPIPE", 3}, failure{"recvmsg", "ENOMEM", 4},
          failure{"recvmsg", "ECONNRESET", 3}, failure{"epoll_wait", "EINTR", 3}})
        for (int number = 1; number <= times(each.quick, 100); ++number) {
            auto const how = std::string{"error="} + each.with + ":when=" + std::to_string(number);
            test::injected talk{each.call, how, this_program(), {"[conversation]"}};
            int const code = talk.wait_for_end();
            run.count(code == said_all              ? "said all"
                      : code == ended_with_a_reason ? "ended with a reason"
                      : code == did_not_start       ? "did not start"
                                                    : "broke");
            run.expect(code == said_all || code == ended_with_a_reason || code == did_not_start,
                       std::string{each.call} + " " + how + ": " + std::to_string(code));
        }
    run.expect_descriptors_back();
}

} // namespace syscalls_test
