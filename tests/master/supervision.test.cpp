// A real master under what happens to one: failures, wishes, hangs. What is decided is the
// supervisor's (tests/simulation); here it is done.
#include "plain_cluster.hpp"
#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/program.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

namespace supervision_test {

using namespace covey;
using namespace covey::test;
using namespace std::chrono_literals;

namespace {

// Lets every worker that is forked from now on die before it is ready, or not any more.
void break_program(plain_cluster& it, std::string const& word)
{
    it.master->setup([&](worker_program& program) {
        program.arguments = {"plain_worker"};
        if (!word.empty())
            program.arguments.push_back(word);
    });
}

options quick(std::uint32_t workers)
{
    auto out = plain_options(workers);
    out.restart.backoff_min = 1ms;
    out.restart.backoff_max = 5ms;
    return out;
}

std::optional<verdict> reload(plain_cluster& it)
{
    std::optional<verdict> out;
    it.master->async_reload([&](boost::system::error_code failed, verdict what) {
        CHECK_FALSE(failed);
        out = std::move(what);
    });
    it.until([&] { return out.has_value(); });
    return out;
}

std::set<std::uint64_t> ids(plain_cluster const& it)
{
    std::set<std::uint64_t> out;
    for (auto const& one : it.master->status())
        out.insert(one.id);
    return out;
}

bool all_ready(plain_cluster const& it, std::size_t count)
{
    auto const now = it.master->status();
    return now.size() == count && std::all_of(now.begin(), now.end(), [](auto const& one) {
               return one.state == worker_state::ready;
           });
}

} // namespace

TEST_CASE("too many failures are given up once, with their history, and others go on serving",
          "[master][supervision][cluster]")
{
    auto settings = quick(2);
    settings.restart.intensity = 4;
    plain_cluster it{settings};
    std::vector<std::string> given_up;
    it.master->on(event_kind::giveup, [&](event const& what) { given_up.push_back(what.text); });
    REQUIRE(it.until_ready());
    break_program(it, "die-before-ready=3");
    ::kill(it.pid(1), SIGKILL);
    REQUIRE(it.until([&] { return !given_up.empty(); }));
    auto const starts = it.worker(1).starts;
    it.loop.run_for(100ms);
    CHECK(it.worker(1).starts == starts);
    CHECK(given_up.size() == 1);
    CHECK(given_up.front().find("exit code 3") != std::string::npos);
    CHECK(plain_client{it}.seat() == 0);
    CHECK_FALSE(it.result);

    break_program(it, "");
    SECTION("until somebody resets that")
    {
        it.master->reset_restarts();
        CHECK(it.until([&] { return all_ready(it, 2); }));
    }
    SECTION("until somebody reloads")
    {
        auto const what = reload(it);
        REQUIRE(what);
        CHECK(what->done);
        CHECK(it.until([&] { return all_ready(it, 2); }));
    }
}

TEST_CASE("giving up can end the cluster", "[master][supervision][cluster]")
{
    auto settings = quick(2);
    settings.restart.intensity = 3;
    settings.restart.on_giveup = GENERATE(giveup_action::stop, giveup_action::exit);
    plain_cluster it{settings};
    REQUIRE(it.until_ready());
    break_program(it, "die-before-ready=3");
    ::kill(it.pid(1), SIGKILL);
    REQUIRE(it.until_over());
    CHECK(it.result == 1);
    CHECK_FALSE(it.master->failure().empty());
}

TEST_CASE("a master scales up and down while it serves", "[master][supervision][cluster]")
{
    auto const policy = GENERATE(dispatch_policy::least_loaded, dispatch_policy::shared);
    auto settings = plain_options(2);
    settings.dispatch = policy;
    settings.workers_max = 5;
    plain_cluster it{settings};
    REQUIRE(it.until_ready());
    auto const before = descriptor_count();
    it.master->scale(9); // as far as it goes
    REQUIRE(it.until([&] { return all_ready(it, 5); }));
    it.master->scale(2);
    REQUIRE(it.until([&] { return it.master->workers().size() == 2; }));
    CHECK(all_ready(it, 2));
    CHECK(ids(it) == std::set<std::uint64_t>{1, 2});
    CHECK(plain_client{it}.seat() <= 1);
    CHECK(it.until([&] { return descriptor_count() <= before; }));
}

TEST_CASE("a reload replaces every worker, new ones first", "[master][supervision][cluster]")
{
    auto settings = plain_options(3);
    settings.close_spread = 10ms;
    plain_cluster it{settings};
    std::vector<std::string> told;
    for (auto const kind :
         {event_kind::reload_started, event_kind::reload_done, event_kind::reload_failed})
        it.master->on(kind, [&](event const& what) { told.emplace_back(name(what.kind)); });
    REQUIRE(it.until_ready());
    auto const old = it.master->workers();
    std::size_t least = 3; // that were ready, whatever happened
    for (auto const kind :
         {event_kind::fork, event_kind::online, event_kind::ready, event_kind::disconnect,
          event_kind::exit, event_kind::close, event_kind::reload_done})
        it.master->on(kind, [&](event const&) {
            auto const now = it.master->status();
            least = std::min<std::size_t>(least, static_cast<std::size_t>(std::count_if(
                                                     now.begin(), now.end(), [](auto const& one) {
                                                         return one.state == worker_state::ready;
                                                     })));
        });
    auto const what = reload(it);
    REQUIRE(what);
    INFO(what->text);
    CHECK(what->done);
    CHECK(what->generation == 1);
    CHECK(all_ready(it, 3));
    CHECK(*ids(it).begin() > 3);
    for (auto const& one : it.master->status())
        CHECK(one.generation == 1);
    CHECK(it.until([&] {
        return std::all_of(old.begin(), old.end(), [](auto const& one) { return one.is_dead(); });
    }));
    for (auto const& one : old)
        CHECK(one.exited_after_disconnect());
    CHECK(least == 3);
    CHECK(told == std::vector<std::string>{"reload_started", "reload_done"});
}

TEST_CASE("a reload that fails leaves the old workers, and says why with the worker's last words",
          "[master][supervision][cluster]")
{
    auto settings = quick(2);
    settings.ready_timeout = 300ms;
    plain_cluster it{settings};
    REQUIRE(it.until_ready());
    auto const before = ids(it);
    SECTION("because the new ones die")
    {
        it.master->setup([](worker_program& program) {
            program.arguments = {"plain_worker", "complain=2", "die-before-ready=9"};
        });
        auto const what = reload(it);
        REQUIRE(what);
        CHECK_FALSE(what->done);
        INFO(what->text);
        CHECK(what->text.find("exit code 9") != std::string::npos);
        CHECK(what->text.find("plain trouble 1") != std::string::npos);
    }
    SECTION("because the new ones are never ready")
    {
        break_program(it, "hang-before-ready");
        auto const what = reload(it);
        REQUIRE(what);
        CHECK_FALSE(what->done);
    }
    SECTION("because they refuse")
    {
        break_program(it, "refuse");
        auto const what = reload(it);
        REQUIRE(what);
        CHECK_FALSE(what->done);
        INFO(what->text);
        CHECK(what->text.find("the schema differs") != std::string::npos);
    }
    CHECK(ids(it) == before);
    CHECK(all_ready(it, 2));
    CHECK(it.until([&] { return it.master->workers().size() == 2; }));
    break_program(it, "");
    auto const next = reload(it);
    REQUIRE(next);
    CHECK(next->done);
}

TEST_CASE("a hundred reloads at once are two, and every one is answered",
          "[master][supervision][cluster]")
{
    auto settings = plain_options(2);
    settings.close_spread = 1ms;
    plain_cluster it{settings};
    REQUIRE(it.until_ready());
    int answered = 0;
    std::uint32_t newest = 0;
    for (int i = 0; i < 100; ++i)
        it.master->async_reload([&](boost::system::error_code failed, verdict what) {
            CHECK_FALSE(failed);
            CHECK(what.done);
            ++answered;
            newest = what.generation;
        });
    REQUIRE(it.until([&] { return answered == 100; }));
    CHECK(newest == 2);
    REQUIRE(it.until([&] { return it.master->workers().size() == 2; }));
    CHECK(it.worker(0).starts == 3);
}

TEST_CASE("a worker that dies in the middle of a reload is replaced in the generation that serves",
          "[master][supervision][cluster]")
{
    auto settings = plain_options(4);
    settings.close_spread = 1ms;
    plain_cluster it{settings};
    REQUIRE(it.until_ready());
    it.master->scale(3); // the count is kept
    REQUIRE(it.until([&] { return it.master->workers().size() == 3; }));
    bool started = false;
    it.master->on(event_kind::reload_started, [&](event const&) {
        started = true;
        ::kill(it.pid(2), SIGKILL);
    });
    auto const what = reload(it);
    CHECK(started);
    REQUIRE(what);
    INFO(what->text);
    CHECK(what->done);
    REQUIRE(it.until([&] { return all_ready(it, 3) && it.master->workers().size() == 3; }));
    for (auto const& one : it.master->status())
        CHECK(one.generation == 1);
}

TEST_CASE("an outstanding reload is answered when the master goes",
          "[master][supervision][cluster]")
{
    plain_cluster it{plain_options(1)};
    REQUIRE(it.until_ready());
    break_program(it, "hang-before-ready");
    boost::system::error_code answer;
    it.master->async_reload(
        [&](boost::system::error_code failed, verdict const&) { answer = failed; });
    it.loop.run_for(5ms);
    it.master.reset();
    it.until([&] { return static_cast<bool>(answer); });
    CHECK(answer == net::error::operation_aborted);
}

TEST_CASE("a worker that has been passed a connection and does nothing is ended and replaced",
          "[master][supervision][cluster]")
{
    auto settings = plain_options(1);
    settings.hang_timeout = 200ms;
    plain_cluster it{settings};
    int signalled = 0;
    it.master->on(event_kind::exit, [&](event const& what) { signalled = what.status.signal; });
    REQUIRE(it.until_ready());
    auto const old = it.pid(0);
    ::kill(old, SIGSTOP);
    plain_client client{it};
    REQUIRE(it.until_replaced(0, old));
    CHECK(client.greeting("id") == 2);
    CHECK((signalled == SIGABRT || signalled == SIGKILL));
}

TEST_CASE("workers can all leave while the master stays", "[master][supervision][cluster]")
{
    plain_cluster it{plain_options(2)};
    REQUIRE(it.until_ready());
    it.master->drain_workers();
    REQUIRE(it.until([&] { return it.master->workers().empty(); }));
    it.loop.run_for(20ms);
    CHECK(it.master->workers().empty());
    plain_client waits{it}; // in the backlog: the socket is open
    it.master->scale(2);
    CHECK(waits.seat() >= 0);
    CHECK(it.until([&] { return all_ready(it, 2); }));
}

TEST_CASE("connections that wait for a worker that leaves go to its siblings",
          "[master][supervision][cluster]")
{
    auto settings = plain_options(2);
    settings.dispatch = dispatch_policy::round_robin;
    settings.drain_deadline = 200ms;
    settings.kill_after = 50ms;
    plain_cluster it{settings, {"no-ack@0"}};
    REQUIRE(it.until_ready());
    std::vector<std::unique_ptr<plain_client>> clients;
    for (int i = 0; i < 6; ++i)
        clients.push_back(std::make_unique<plain_client>(it));
    REQUIRE(it.until([&] { return it.worker(0).unacknowledged == 3; }));
    it.master->workers().front().stop(100ms);
    for (auto const& one : clients)
        CHECK(one->seat() == 1);
}

TEST_CASE("forty workers that die at once are all reaped and replaced",
          "[master][supervision][cluster]")
{
    auto settings = plain_options(40);
    plain_cluster it{settings};
    REQUIRE(it.until_ready());
    for (auto const& one : it.master->workers())
        ::kill(static_cast<pid_t>(one.pid()), SIGKILL);
    REQUIRE(it.until([&] { return all_ready(it, 40) && *ids(it).begin() > 40; }));
    CHECK(it.worker(0).starts == 2);
    it.master->stop();
    REQUIRE(it.until_over());
    siginfo_t info{};
    CHECK(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0); // no child is left
}

TEST_CASE("a worker that has stopped reading is ended and replaced when something is sent to it",
          "[master][supervision][cluster]")
{
    plain_cluster it{plain_options(2), {"deaf@0"}};
    REQUIRE(it.until_ready());
    auto const deaf = it.pid(0);
    it.master->broadcast(1);
    REQUIRE(it.until([&] { return it.worker(0).starts > 1; }));
    CHECK(test::is_gone(deaf));
    CHECK(it.worker(1).starts == 1);
}

TEST_CASE("connections for a worker that has stopped reading are served by a sibling",
          "[master][supervision][cluster]")
{
    auto settings = plain_options(2);
    settings.dispatch = dispatch_policy::round_robin;
    plain_cluster it{std::move(settings), {"deaf@0"}};
    REQUIRE(it.until_ready());
    for (int i = 0; i < 8; ++i) {
        plain_client client{it};
        CHECK(client.seat() == 1);
    }
}

} // namespace supervision_test
