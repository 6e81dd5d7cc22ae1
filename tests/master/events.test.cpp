// What a master tells about its workers: which events, in which order, with what in them.
#include "plain_cluster.hpp"
#include "support/catch.hpp"
#include "support/descriptor_count.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <unistd.h>

namespace events_test {

using namespace covey;
using namespace covey::test;
using namespace std::chrono_literals;

namespace {

constexpr std::array all_kinds{
    event_kind::setup,          event_kind::fork,        event_kind::online,
    event_kind::listening,      event_kind::ready,       event_kind::message,
    event_kind::suicide,        event_kind::disconnect,  event_kind::exit,
    event_kind::close,          event_kind::error,       event_kind::giveup,
    event_kind::reload_started, event_kind::reload_done, event_kind::reload_failed,
    event_kind::drain};

// Every event of a cluster, in order, as "fork 1", "exit 1".
struct chronicle
{
    explicit chronicle(plain_cluster& of)
    {
        for (auto const kind : all_kinds)
            of.master->on(kind, [this](event const& what) {
                events.push_back(what);
                lines.push_back(
                    std::string{name(what.kind)} +
                    (what.worker.is_empty() ? "" : " " + std::to_string(what.worker.id())));
            });
    }

    // Of one worker.
    std::vector<std::string> of(std::uint64_t id) const
    {
        std::vector<std::string> out;
        for (auto const& one : events)
            if (!one.worker.is_empty() && one.worker.id() == id)
                out.emplace_back(name(one.kind));
        return out;
    }

    event const* find(event_kind kind, std::uint64_t id) const
    {
        for (auto const& one : events)
            if (one.kind == kind && !one.worker.is_empty() && one.worker.id() == id)
                return &one;
        return nullptr;
    }

    std::vector<event> events;
    std::vector<std::string> lines;
};

using names = std::vector<std::string>;

// disconnect and exit come in the order in which the kernel tells them.
names sorted_ends(names of)
{
    for (std::size_t i = 0; i + 1 < of.size(); ++i)
        if (of[i] == "exit" && of[i + 1] == "disconnect")
            std::swap(of[i], of[i + 1]);
    return of;
}

names const whole_life{"fork", "online", "listening", "ready", "disconnect", "exit", "close"};

} // namespace

TEST_CASE("a worker's life is told from fork to close, each event once",
          "[master][events][cluster]")
{
    plain_cluster it{plain_options(2)};
    chronicle told{it};
    REQUIRE(it.until_ready());
    it.master->stop();
    REQUIRE(it.until_over());
    REQUIRE(it.until([&] { return told.of(1).size() + told.of(2).size() == 14; }));
    CHECK(sorted_ends(told.of(1)) == whole_life);
    CHECK(sorted_ends(told.of(2)) == whole_life);

    auto const* const listening = told.find(event_kind::listening, 1);
    CHECK(listening->address == it.addresses.front());
    CHECK(listening->address.starts_with("127.0.0.1:"));
    CHECK_FALSE(listening->address.ends_with(":0"));
    CHECK(told.find(event_kind::listening, 2)->address == listening->address);
    CHECK(told.find(event_kind::exit, 1)->status.exit_code() == 0);
    CHECK(it.master->workers().empty());
}

TEST_CASE("every worker tells every address that it serves, of every family",
          "[master][events][cluster]")
{
    auto const policy = GENERATE(dispatch_policy::least_loaded, dispatch_policy::shared,
                                 dispatch_policy::reuseport);
    CAPTURE(name(policy));
    auto settings = plain_options(2);
    settings.dispatch = policy;
    auto const path = "unix:/tmp/covey-events-" + std::to_string(::getpid()) + ".sock";
    settings.listen = {"127.0.0.1:0", path, "127.0.0.1:0"};
    plain_cluster it{settings};
    chronicle told{it};
    REQUIRE(it.until_ready());
    REQUIRE(it.addresses.size() == 3);
    CHECK(it.addresses[1] == path);
    CHECK(it.addresses[0] != it.addresses[2]);
    for (std::uint64_t const id : {1, 2}) {
        names served;
        for (auto const& one : told.events)
            if (one.kind == event_kind::listening && one.worker.id() == id)
                served.push_back(one.address);
        CHECK(served == it.addresses);
    }
}

TEST_CASE("a worker's own handlers get the same worker, after the master's",
          "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    std::vector<std::string> calls;
    worker_ref seen;
    it.master->on(event_kind::fork, [&](event const& what) {
        seen = what.worker;
        seen.on(event_kind::exit, [&](event const& end) {
            calls.emplace_back("worker");
            CHECK(end.worker == seen);
        });
    });
    it.master->on(event_kind::exit, [&](event const& end) {
        calls.emplace_back("master");
        CHECK((end.worker == seen) == (end.worker.id() == 1));
    });
    REQUIRE(it.until_ready());
    REQUIRE(seen.kill(SIGKILL));
    REQUIRE(it.until_replaced(0, static_cast<pid_t>(seen.pid())));
    REQUIRE(it.until([&] { return calls.size() == 2; }));
    CHECK(calls == std::vector<std::string>{"master", "worker"});
}

TEST_CASE("an exit tells its code or its signal, and who is to blame for it",
          "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    chronicle told{it};
    REQUIRE(it.until_ready());
    plain_client client{it};
    REQUIRE(client.seat() == 0);
    client.send("exit 42\n");
    REQUIRE(it.until([&] { return told.find(event_kind::exit, 1) != nullptr; }));
    auto const first = *told.find(event_kind::exit, 1);
    CHECK(first.status.exit_code() == 42);
    CHECK_FALSE(first.possibly_oom);
    CHECK_FALSE(first.worker.exited_after_disconnect());

    REQUIRE(it.until([&] { return it.worker(0).state == worker_state::ready; }));
    ::kill(it.pid(0), SIGKILL);
    REQUIRE(it.until([&] { return told.find(event_kind::exit, 2) != nullptr; }));
    auto const second = *told.find(event_kind::exit, 2);
    CHECK(second.status.signal == SIGKILL);
    CHECK_FALSE(second.status.exit_code());
    CHECK(second.possibly_oom);
    CHECK_FALSE(second.worker.exited_after_disconnect());
}

TEST_CASE("whether a worker left by wish is known before any exit handler runs",
          "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    std::map<std::uint64_t, bool> by_wish;
    it.master->on(event_kind::exit, [&](event const& what) {
        by_wish[what.worker.id()] = what.worker.exited_after_disconnect();
    });
    REQUIRE(it.until_ready());
    auto const replaced = [&](std::uint64_t id) {
        return it.until([&] {
            return by_wish.contains(id) && it.worker(0).state == worker_state::ready &&
                   it.worker(0).id > id;
        });
    };
    SECTION("stop")
    {
        it.master->workers().front().stop(1s);
        REQUIRE(replaced(1));
        CHECK(by_wish[1]);
    }
    SECTION("recycle")
    {
        it.master->workers().front().recycle();
        REQUIRE(replaced(1));
        CHECK(by_wish[1]);
    }
    SECTION("disconnect")
    {
        it.master->workers().front().disconnect();
        REQUIRE(replaced(1));
        CHECK(by_wish[1]);
    }
    SECTION("suicide")
    {
        plain_client client{it};
        REQUIRE(client.seat() == 0);
        client.send("suicide enough\n");
        REQUIRE(it.until([&] { return it.worker(0).id == 2; }));
        CHECK(client.line() == "suicide enough");
        client.close();
        REQUIRE(replaced(1));
        CHECK(by_wish[1]);
    }
    SECTION("a signal from elsewhere")
    {
        ::kill(it.pid(0), SIGTERM);
        REQUIRE(replaced(1));
        CHECK_FALSE(by_wish[1]);
    }
}

TEST_CASE("a suicide and its exit make one replacement, which starts at once",
          "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    chronicle told{it};
    REQUIRE(it.until_ready());
    auto client = std::make_unique<plain_client>(it);
    REQUIRE(client->seat() == 0);
    client->send("suicide tired\n");
    // The next one serves while the first still has its client.
    REQUIRE(it.until(
        [&] { return it.worker(0).id == 2 && it.worker(0).state == worker_state::ready; }));
    CHECK(told.find(event_kind::exit, 1) == nullptr);
    CHECK(told.find(event_kind::suicide, 1)->text == "tired");
    CHECK(plain_client{it}.greeting("id") == 2);
    client->send("still here\n");
    CHECK(client->line() == "suicide tired");
    CHECK(client->line() == "still here");
    client.reset();
    REQUIRE(it.until([&] { return told.find(event_kind::close, 1) != nullptr; }));
    it.loop.run_for(50ms);
    CHECK(it.worker(0).starts == 2);
}

TEST_CASE("a handler that throws harms no other and no later event", "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    it.master->on(event_kind::fork, [](event const&) { throw std::runtime_error{"no"}; });
    it.master->on(event_kind::fork, [](event const&) { throw 3; });
    chronicle told{it};
    REQUIRE(it.until_ready());
    it.loop.run_for(10ms);
    CHECK(told.lines == names{"fork 1", "online 1", "listening 1", "ready 1"});
}

TEST_CASE("no handler is called inside a call", "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    chronicle told{it};
    it.master->setup([](worker_program& program) { program.environment = {"A=1"}; });
    it.master->setup([](worker_program& program) {
        CHECK(program.environment == names{"A=1"}); // what the first call has made of it
        program.environment.emplace_back("B=2");
    });
    CHECK(told.lines.empty());
    REQUIRE(it.until_ready());
    CHECK(told.lines.at(0) == "setup");
    CHECK(told.lines.at(1) == "setup");
    auto const before = told.lines.size();
    it.master->scale(2);
    it.master->workers().front().recycle();
    CHECK(told.lines.size() == before);
    it.master->stop();
    CHECK_FALSE(it.result);
    CHECK(it.until_over());
}

TEST_CASE("a stop with no worker completes later", "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    REQUIRE(it.until_ready());
    it.master->scale(0);
    REQUIRE(it.until([&] { return it.master->workers().empty(); }));
    it.loop.run_for(20ms);
    CHECK_FALSE(it.result);
    it.master->stop();
    CHECK_FALSE(it.result);
    REQUIRE(it.until_over());
    CHECK(it.result == 0);
}

TEST_CASE("a signal for a worker that has been reaped reaches nobody", "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    REQUIRE(it.until_ready());
    auto const worker = it.master->workers().front();
    auto const pid = worker.pid();
    CHECK(pid == it.pid(0));
    CHECK(worker_ref{worker}.kill(SIGKILL));
    REQUIRE(it.until([&] { return worker.is_dead(); }));
    CHECK_FALSE(worker_ref{worker}.kill(SIGTERM));
    CHECK(worker.pid() == 0);
    CHECK(worker.id() == 1);
    CHECK_FALSE(worker.is_connected());
}

TEST_CASE("a worker_ref outlives its master", "[master][events][cluster]")
{
    auto const before = descriptor_count();
    worker_ref kept;
    {
        plain_cluster it{plain_options(1)};
        REQUIRE(it.until_ready());
        kept = it.master->workers().front();
    }
    CHECK(kept.is_dead());
    CHECK_FALSE(kept.kill(SIGTERM));
    CHECK(kept.send("hello") == send_status::closed);
    kept.stop(1s);
    kept.disconnect();
    kept.recycle();
    kept = {};
    CHECK(descriptor_count() == before);
}

TEST_CASE("what a worker wrote before it failed goes with the event and on to standard error",
          "[master][events][cluster]")
{
    plain_cluster it{plain_options(1), {"complain=25", "die-before-ready=9"}};
    chronicle told{it};
    REQUIRE(it.until([&] { return told.find(event_kind::close, 1) != nullptr; }));
    auto const text = told.find(event_kind::exit, 1)->text;
    CHECK(text.find("plain trouble 1") != std::string::npos);
    CHECK(text.find("plain trouble 20\n") != std::string::npos);
    CHECK(text.find("plain trouble 21\n") == std::string::npos); // twenty lines are kept
}

TEST_CASE("a grandchild that holds standard error delays close and not exit",
          "[master][events][cluster]")
{
    plain_cluster it{plain_options(1), {"grandchild-holds-output", "die-before-ready=9@0"}};
    chronicle told{it};
    REQUIRE(it.until([&] { return told.find(event_kind::exit, 1) != nullptr; }));
    REQUIRE(it.until([&] { return told.find(event_kind::disconnect, 1) != nullptr; }));
    it.loop.run_for(150ms);
    CHECK(told.find(event_kind::close, 1) == nullptr);
    // The end of the cluster waits for nobody's grandchildren.
    it.master->stop();
    REQUIRE(it.until_over());
    CHECK(it.until([&] { return told.find(event_kind::close, 1) != nullptr; }));
}

TEST_CASE("a program that cannot be executed is an error with its reason",
          "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    chronicle told{it};
    REQUIRE(it.until_ready());
    it.master->setup([](worker_program& program) { program.path = "/no/such/program"; });
    ::kill(it.pid(0), SIGKILL);
    REQUIRE(it.until([&] { return told.find(event_kind::error, 2) != nullptr; }));
    CHECK(told.find(event_kind::error, 2)->failed ==
          boost::system::errc::no_such_file_or_directory);
    CHECK(told.find(event_kind::online, 2) == nullptr);
    it.master->setup([](worker_program& program) { program.path = PLAIN_WORKER; });
    CHECK(it.until([&] { return it.worker(0).state == worker_state::ready; }));
}

TEST_CASE("a fork is one seat more, whose environment stays with it", "[master][events][cluster]")
{
    plain_cluster it{plain_options(1)};
    it.master->setup([](worker_program& program) {
        program.environment = {"COVEY_TEST_COLOUR=grey", "COVEY_TEST_SHAPE=round"};
    });
    auto early = it.master->fork({"COVEY_TEST_COLOUR=red"}); // before run()
    CHECK(early.state() == worker_state::none);
    CHECK(early.pid() == 0);
    CHECK(early.seat() == 1);
    REQUIRE(it.until_ready());
    CHECK(early.state() == worker_state::ready);
    auto const variables = [](std::int64_t pid) {
        std::ifstream in{"/proc/" + std::to_string(pid) + "/environ"};
        std::string text{std::istreambuf_iterator<char>{in}, {}};
        std::replace(text.begin(), text.end(), '\0', ' ');
        return " " + text;
    };
    CHECK(variables(early.pid()).find(" COVEY_TEST_COLOUR=red ") != std::string::npos);
    CHECK(variables(early.pid()).find("grey") == std::string::npos);
    CHECK(variables(early.pid()).find(" COVEY_TEST_SHAPE=round ") != std::string::npos);
    CHECK(variables(it.pid(0)).find(" COVEY_TEST_COLOUR=grey ") != std::string::npos);

    auto const old = it.pid(1);
    ::kill(old, SIGKILL);
    REQUIRE(it.until_replaced(1, old));
    CHECK(variables(it.pid(1)).find(" COVEY_TEST_COLOUR=red ") != std::string::npos);

    CHECK(it.master->fork({}).is_empty()); // two seats are all there may be
}

} // namespace events_test
