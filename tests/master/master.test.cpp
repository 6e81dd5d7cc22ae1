// A real master, real workers (plain_worker), real sockets.
#include <covey/master/master.hpp>

#include "plain_cluster.hpp"
#include "support/catch.hpp"
#include "support/descriptor_count.hpp"

#include <algorithm>
#include <covey/master/dispatch.hpp>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <sys/wait.h>
#include <thread>

namespace master_test {

using namespace covey;
using namespace covey::test;
using namespace std::chrono_literals;

namespace {

bool has_children()
{
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

std::ptrdiff_t descriptors_of(pid_t pid)
{
    std::filesystem::directory_iterator const all{"/proc/" + std::to_string(pid) + "/fd"};
    return std::distance(begin(all), end(all));
}

options with(dispatch_policy policy, std::uint32_t workers)
{
    auto out = plain_options(workers);
    out.dispatch = policy;
    return out;
}

} // namespace

TEST_CASE("a master announces itself once, when every worker is ready", "[master][cluster]")
{
    plain_cluster it{plain_options(3)};
    REQUIRE(it.until_ready());
    CHECK(it.addresses == it.master->addresses());
    CHECK(it.addresses.front().starts_with("127.0.0.1:"));
    std::set<std::uint64_t> ids;
    for (auto const& one : it.master->status()) {
        CHECK(one.state == worker_state::ready);
        ids.insert(one.id);
    }
    CHECK(ids == std::set<std::uint64_t>{1, 2, 3});

    ::kill(it.pid(0), SIGKILL);
    REQUIRE(it.until_replaced(0, it.pid(0)));
    it.loop.poll();
    CHECK(it.announced == 1);
}

TEST_CASE("every policy brings clients to every worker", "[master][cluster]")
{
    for (auto const policy : {dispatch_policy::round_robin, dispatch_policy::least_loaded,
                              dispatch_policy::shared, dispatch_policy::reuseport}) {
        INFO(name(policy));
        plain_cluster it{with(policy, 2)};
        REQUIRE(it.until_ready());
        std::map<long, int> got;
        std::vector<std::unique_ptr<plain_client>> clients;
        for (int i = 0; i < 40; ++i) {
            clients.push_back(std::make_unique<plain_client>(it));
            clients.back()->send("early\n"); // may arrive before the connection is passed
            ++got[clients.back()->seat()];
            CHECK(clients.back()->line() == "early");
        }
        CHECK(got[0] + got[1] == 40);
        if (policy == dispatch_policy::round_robin || policy == dispatch_policy::least_loaded)
            CHECK(got[0] == 20);
        else if (policy == dispatch_policy::reuseport)
            CHECK(got[0] * got[1] > 0);
    }
}

TEST_CASE("a worker that is killed is replaced in its seat, with a new id", "[master][cluster]")
{
    plain_cluster it{plain_options(2)};
    REQUIRE(it.until_ready());
    auto const before = it.worker(1);
    ::kill(it.pid(1), SIGKILL);
    REQUIRE(it.until_replaced(1, static_cast<pid_t>(before.pid)));
    auto const after = it.worker(1);
    CHECK(after.seat == before.seat);
    CHECK(after.id == 3);
    CHECK(after.starts == 2);
    CHECK(it.worker(0).starts == 1);
}

TEST_CASE("connections a worker had not acknowledged when it died are served once by a sibling",
          "[master][cluster]")
{
    plain_cluster it{with(dispatch_policy::round_robin, 2), {"no-ack@0"}};
    REQUIRE(it.until_ready());
    std::vector<std::unique_ptr<plain_client>> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(std::make_unique<plain_client>(it));
        clients.back()->send("hello\n");
    }
    REQUIRE(it.until([&] { return it.worker(0).unacknowledged == 4; }));

    ::kill(it.pid(0), SIGKILL);
    for (auto const& one : clients) {
        CHECK(one->seat() == 1);
        CHECK(one->line() == "hello"); // not a byte lost, none doubled
    }
    REQUIRE(it.until_replaced(0, 0));
    CHECK(it.worker(0).unacknowledged == 0);
    it.loop.run_for(20ms);
    for (auto const& one : clients)
        CHECK_FALSE(one->has_line());
}

TEST_CASE("connections a worker had acknowledged end with it", "[master][cluster]")
{
    plain_cluster it{plain_options(1)};
    REQUIRE(it.until_ready());
    plain_client client{it};
    REQUIRE(client.seat() == 0);
    ::kill(it.pid(0), SIGKILL);
    CHECK(client.line() == "closed");
}

TEST_CASE("connections that wait on a dead seat's own socket are served by its replacement",
          "[master][cluster]")
{
    plain_cluster it{with(dispatch_policy::reuseport, 2)};
    REQUIRE(it.until_ready());
    ::kill(it.pid(1), SIGSTOP); // its queue fills
    std::vector<std::unique_ptr<plain_client>> clients;
    for (int i = 0; i < 32; ++i)
        clients.push_back(std::make_unique<plain_client>(it));
    ::kill(it.pid(1), SIGKILL);
    int replaced = 0;
    for (auto const& one : clients) {
        auto const seat = one->seat();
        CHECK(seat >= 0);
        replaced += seat == 1 ? 1 : 0;
    }
    CHECK(replaced > 0);
    CHECK(it.worker(1).starts == 2);
}

TEST_CASE("a worker that never acknowledges gets a window's worth and delays nobody else",
          "[master][cluster]")
{
    plain_cluster it{with(dispatch_policy::round_robin, 2), {"no-ack@0"}};
    REQUIRE(it.until_ready());
    std::vector<std::unique_ptr<plain_client>> clients;
    for (int i = 0; i < 40; ++i)
        clients.push_back(std::make_unique<plain_client>(it));
    auto const served = [&] {
        return std::count_if(clients.begin(), clients.end(),
                             [](auto const& one) { return one->has_line(); });
    };
    REQUIRE(it.until([&] { return served() == 40 - supervision::window; }));
    CHECK(it.worker(0).unacknowledged == supervision::window);
}

TEST_CASE("a connection a worker rejects is served by a sibling", "[master][cluster]")
{
    plain_cluster it{with(dispatch_policy::round_robin, 2), {"reject@0"}};
    REQUIRE(it.until_ready());
    for (int i = 0; i < 6; ++i)
        CHECK(plain_client{it}.seat() == 1);
}

TEST_CASE(
    "a connection every worker rejects is served when one changes its mind in time, or closed",
    "[master][cluster]")
{
    auto settings = plain_options(2);
    SECTION("in time")
    {
        settings.rejection_wait = 1h;
        plain_cluster it{settings, {"reject=5"}}; // more than it takes to be let rest
        REQUIRE(it.until_ready());
        plain_client client{it};
        client.send("hello\n");
        CHECK(client.seat() >= 0);
        CHECK(client.line() == "hello");
    }
    SECTION("not in time")
    {
        settings.rejection_wait = 100ms;
        plain_cluster it{settings, {"reject"}};
        REQUIRE(it.until_ready());
        auto const before = descriptor_count();
        auto const began = std::chrono::steady_clock::now();
        {
            plain_client one{it};
            plain_client two{it};
            CHECK(one.line() == "closed");
            CHECK(std::chrono::steady_clock::now() - began >= 100ms);
            CHECK(two.line() == "closed");
        }
        CHECK(it.until([&] { return descriptor_count() == before; }));
        CHECK(it.worker(0).starts + it.worker(1).starts == 2); // rejecting is no crime
    }
}

TEST_CASE("connections on their way to a worker that leaves are served once, by its sibling",
          "[master][cluster]")
{
    plain_cluster it{with(dispatch_policy::round_robin, 2), {"leave-at-hand-off"}};
    REQUIRE(it.until_ready());
    plain_client one{it};
    plain_client two{it};
    CHECK(one.greeting("id") + two.greeting("id") == 3); // each worker has one
    auto const leaves = it.pid(0);
    REQUIRE(it.worker(0).id == 1);
    auto const held = descriptors_of(leaves);

    ::kill(leaves, SIGSTOP); // so that several are on their way when it decides to leave
    std::vector<std::unique_ptr<plain_client>> clients;
    for (int i = 0; i < 12; ++i) {
        clients.push_back(std::make_unique<plain_client>(it));
        clients.back()->send("hello\n");
    }
    REQUIRE(it.until([&] { return it.worker(0).unacknowledged == 6; }));
    ::kill(leaves, SIGCONT);
    for (auto const& each : clients) {
        CHECK(each->greeting("id") > 1);
        CHECK(each->line() == "hello"); // not a byte lost, none doubled
    }
    CHECK(it.until([&] { return descriptors_of(leaves) == held; })); // closed there
    for (auto const& each : clients)
        CHECK_FALSE(each->has_line());
}

TEST_CASE("a worker that answers for connections it never got is replaced, and a sibling serves",
          "[master][cluster]")
{
    auto const* const word = GENERATE("bogus-accept@0", "bogus-reject@0");
    CAPTURE(word);
    auto settings = with(dispatch_policy::round_robin, 2);
    settings.kill_after = 50ms;
    plain_cluster it{settings, {word}};
    REQUIRE(it.until_ready());
    auto const before = descriptor_count();
    {
        std::vector<std::unique_ptr<plain_client>> clients;
        for (int i = 0; i < 6; ++i) {
            clients.push_back(std::make_unique<plain_client>(it));
            clients.back()->send("hello\n");
        }
        for (auto const& one : clients) {
            CHECK(one->seat() == 1);
            CHECK(one->line() == "hello");
        }
    }
    CHECK(it.until(
        [&] { return it.worker(0).starts >= 2 && it.worker(0).state == worker_state::ready; }));
    CHECK(it.worker(1).starts == 1);
    CHECK(it.until([&] { return descriptor_count() == before; }));
}

TEST_CASE("a worker that is not ready in time is killed and tried again", "[master][cluster]")
{
    auto settings = plain_options(2);
    settings.ready_timeout = 100ms;
    plain_cluster it{settings, {"hang-before-ready@1"}};
    CHECK(it.until([&] { return it.worker(1).starts >= 3; }));
    CHECK(it.worker(0).starts == 1);
    CHECK(it.announced == 0);
}

TEST_CASE("a worker that dies before it is ready is tried again", "[master][cluster]")
{
    plain_cluster it{plain_options(1), {"die-before-ready=1"}};
    CHECK(it.until([&] { return it.worker(0).starts >= 3; }));
    CHECK_FALSE(it.result);
}

TEST_CASE("a worker that breaks the protocol is killed and replaced", "[master][cluster]")
{
    for (auto const* const word : {"bad-frame@1", "close-channel@1"}) {
        INFO(word);
        auto settings = plain_options(2);
        settings.kill_after = 50ms;
        plain_cluster it{settings, {word}};
        CHECK(it.until([&] { return it.worker(1).starts >= 3; }));
        CHECK(it.worker(0).starts == 1);
        CHECK(plain_client{it}.line().starts_with("seat "));
    }
    for (auto const* const word : {"no-hello", "wrong-version"}) {
        INFO(word);
        plain_cluster it{plain_options(1), {word}};
        CHECK(it.until([&] { return it.worker(0).starts >= 2; }));
        CHECK(it.announced == 0);
    }
}

TEST_CASE("a cluster whose worker refuses to start stops with one line that says why",
          "[master][cluster]")
{
    plain_cluster it{plain_options(3), {"refuse"}};
    REQUIRE(it.until_over());
    CHECK(it.result == 1);
    CHECK(it.master->failure().ends_with("could not start: the schema differs"));
    CHECK_FALSE(has_children());
}

TEST_CASE("a cluster whose program cannot be executed stops and says why", "[master][cluster]")
{
    plain_cluster it{worker_program{"/no/such/program", {"x"}}, plain_options(2)};
    REQUIRE(it.until_over());
    CHECK(it.result == 1);
    CHECK(it.master->failure().find("No such file or directory") != std::string::npos);
    CHECK_FALSE(has_children());
}

TEST_CASE("a seat whose worker says that starting again cannot help stays empty",
          "[master][cluster]")
{
    auto const policy = GENERATE(dispatch_policy::least_loaded, dispatch_policy::reuseport);
    INFO(name(policy));
    plain_cluster it{with(policy, 2)};
    REQUIRE(it.until_ready());
    bool told = false;
    for (int i = 0; i < 100 && !told; ++i) {
        plain_client client{it};
        told = client.seat() == 1;
        if (told) {
            client.send("exit 78\n");
            CHECK(client.line() == "closed");
        }
    }
    REQUIRE(told);
    REQUIRE(it.until([&] { return it.worker(1).state == worker_state::none; }));
    for (int i = 0; i < 8; ++i)
        CHECK(plain_client{it}.seat() == 0);
    CHECK(it.worker(1).starts == 1);
}

TEST_CASE("a cluster all of whose workers say that starting again cannot help ends",
          "[master][cluster]")
{
    plain_cluster it{plain_options(2)};
    REQUIRE(it.until_ready());
    plain_client first{it};
    plain_client second{it};
    REQUIRE(first.seat() + second.seat() == 1);
    first.send("exit 78\n");
    second.send("exit 78\n");
    REQUIRE(it.until_over());
    CHECK(it.result == 1);
    CHECK(it.master->failure() ==
          "no worker is left: every one said that starting it again cannot help");
}

TEST_CASE("a change goes to every other worker that watches", "[master][cluster]")
{
    plain_cluster it{with(dispatch_policy::round_robin, 3), {"watch", "changes=5@2"}};
    REQUIRE(it.until_ready());
    // Every seat greets with the number of changes it has heard.
    std::map<long, long> heard;
    CHECK(it.until([&] {
        plain_client client{it};
        auto const text = client.line();
        heard[std::stol(text.substr(5))] = std::stol(text.substr(text.rfind(' ') + 1));
        return heard.size() == 3 && heard[0] == 5 && heard[1] == 5;
    }));
    CHECK(heard[2] == 0);
}

TEST_CASE("a flood of changes to a worker that does not read drops changes and nothing else",
          "[master][cluster]")
{
    plain_cluster it{with(dispatch_policy::round_robin, 2), {"watch", "changes=60000@1"}};
    REQUIRE(it.until_ready());
    ::kill(it.pid(0), SIGSTOP);
    plain_client const one{it}; // one of the two comes to seat 1, which floods
    plain_client const two{it};
    REQUIRE(it.until([&] { return it.worker(0).changes_dropped > 0; }));
    ::kill(it.pid(0), SIGCONT);
    CHECK(it.until([&] { return plain_client{it}.seat() == 0; }));
    CHECK(it.worker(0).starts == 1);
}

TEST_CASE("descriptors and processes are what they were after fifty kills", "[master][cluster]")
{
    auto const bare = descriptor_count();
    {
        plain_cluster it{plain_options(2)};
        REQUIRE(it.until_ready());
        auto const before = descriptor_count();
        for (int i = 0; i < 50; ++i) {
            auto const seat = static_cast<std::uint32_t>(i % 2);
            auto const old = it.pid(seat);
            ::kill(old, SIGKILL);
            REQUIRE(it.until_replaced(seat, old));
        }
        CHECK(it.worker(0).starts == 26);
        CHECK(it.worker(1).id == 52);
        CHECK(it.until([&] { return descriptor_count() == before; }));
    }
    CHECK(descriptor_count() == bare);
    CHECK_FALSE(has_children());
}

TEST_CASE("two masters live in one process", "[master][cluster]")
{
    plain_cluster first{plain_options(2)};
    plain_cluster second{plain_options(2)};
    REQUIRE(first.until_ready());
    REQUIRE(second.until_ready());
    CHECK(first.addresses != second.addresses);
    CHECK(plain_client{first}.line().starts_with("seat "));
    first.master.reset();
    CHECK(plain_client{second}.line().starts_with("seat "));
}

TEST_CASE("a master that is destroyed leaves no worker", "[master][cluster]")
{
    auto const before = descriptor_count();
    SECTION("while it runs")
    {
        plain_cluster it{plain_options(3)};
        REQUIRE(it.until_ready());
        it.master.reset();
        CHECK_FALSE(has_children());
        CHECK(it.until_over());
        CHECK(it.result == 1);
    }
    SECTION("together with its loop")
    {
        plain_cluster it{plain_options(3)};
        REQUIRE(it.until_ready());
    }
    SECTION("before its workers are ready")
    {
        plain_cluster it{plain_options(3), {"hang-before-ready"}};
        it.loop.run_for(5ms);
    }
    SECTION("before it ran")
    {
        plain_cluster it{plain_options(3)};
    }
    CHECK_FALSE(has_children());
    CHECK(descriptor_count() == before);
}

TEST_CASE("a master refuses wrong options and an address in use", "[master]")
{
    net::io_context io;
    auto wrong = plain_options(1);
    wrong.workers = 1'000;
    CHECK_THROWS_WITH((master{io.get_executor(), wrong, schema{}, {}}),
                      "workers is 1000: choose at most 256, or 0 for one per CPU");

    master const first{io.get_executor(), plain_options(1), schema{}, {}};
    auto second = plain_options(1);
    second.listen = first.addresses();
    CHECK_THROWS_WITH((master{io.get_executor(), second, schema{}, {}}),
                      "listen on " + first.addresses().front() +
                          ": Address already in use; stop the program that has it or choose "
                          "another --listen");
}

TEST_CASE("a master refuses to run on another thread than the program's main one",
          "[master][cluster]")
{
    plain_cluster it{plain_options(1)};
    std::thread{[&] { it.until_over(); }}.join();
    CHECK(it.result == 1);
    CHECK(it.master->failure() ==
          "the master must run on the program's main thread: run its loop there");
}

} // namespace master_test
