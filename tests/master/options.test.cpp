#include <covey/master/options.hpp>

#include "support/catch.hpp"

#include <covey/master/allowed_cpus.hpp>
#include <functional>
#include <sched.h>

namespace options_test {

using namespace covey;
using namespace std::chrono_literals;

TEST_CASE("options as they come are valid", "[master][options]")
{
    CHECK(options{}.validate() == "");
}

TEST_CASE("options name the first thing that is wrong and what to do", "[master][options]")
{
    struct row
    {
        std::function<void(options&)> spoil;
        std::string line;
    };
    auto const row_for = [](std::string text, std::string line) {
        return row{[text](options& o) { o.listen = {text}; }, line};
    };
    auto const rows = std::vector<row>{
        {[](options& o) { o.name = ""; },
         "name is empty: give the cluster a name of 1 to 32 characters"},
        {[](options& o) { o.name = std::string(33, 'x'); },
         "name has 33 characters: give the cluster a name of 1 to 32"},
        {[](options& o) { o.name = "a\nb"; },
         "name has a control character in it: use letters, digits, '-' and '_'"},
        {[](options& o) { o.listen = {}; },
         "listen is empty: name at least one address, such as 127.0.0.1:8080"},
        {[](options& o) {
             o.listen = {"127.0.0.1:80", "127.0.0.1:80"};
         },
         "listen on 127.0.0.1:80: the address is named twice; name it once"},
        row_for("8080", "listen on '8080': no port; write HOST:PORT, [V6]:PORT or unix:PATH"),
        row_for(":8080", "listen on ':8080': no host; write 0.0.0.0:8080 for every interface"),
        row_for("::1:80", "listen on '::1:80': write an IPv6 address in brackets, [::1]:8080"),
        row_for("[::1]", "listen on '[::1]': no port; write HOST:PORT, [V6]:PORT or unix:PATH"),
        row_for("[::1", "listen on '[::1': no port; write HOST:PORT, [V6]:PORT or unix:PATH"),
        row_for("a:65536", "listen on 'a:65536': the port is not a number from 0 to 65535"),
        row_for("a:", "listen on 'a:': the port is not a number from 0 to 65535"),
        row_for("a:8x", "listen on 'a:8x': the port is not a number from 0 to 65535"),
        row_for("unix:", "listen on unix: the path is missing; write unix:/run/NAME.sock"),
        row_for("unix:" + std::string(108, 'p'),
                "listen on unix:" + std::string(108, 'p') +
                    ": the path has 108 bytes and may have 107; choose a shorter one"),
        {[](options& o) { o.workers = 257; },
         "workers is 257: choose at most 256, or 0 for one per CPU"},
        {[](options& o) { o.dispatch = static_cast<dispatch_policy>(9); },
         "dispatch is no policy: choose shared, round_robin, least_loaded, reuseport or hash"},
        {[](options& o) { o.dispatch = dispatch_policy::custom; },
         "dispatch is custom, which only a program's code can be: set options::balance, or choose "
         "shared, round_robin, least_loaded, reuseport or hash"},
        {[](options& o) { o.drain_deadline = -1ms; },
         "drain_deadline is out of range: choose a time from 0 to a year"},
        {[](options& o) { o.kill_after = 24h * 366; },
         "kill_after is out of range: choose a time from 0 to a year"},
        {[](options& o) { o.ready_timeout = 0ms; },
         "ready_timeout is out of range: choose a time from 1 ms to a year"},
        {[](options& o) { o.hang_timeout = -1ms; },
         "hang_timeout is out of range: choose a time from 0 to a year"},
        {[](options& o) { o.restart.period = 0ms; },
         "restart.period is out of range: choose a time from 1 ms to a year"},
        {[](options& o) { o.restart.backoff_max = 50ms; },
         "restart.backoff_max is below restart.backoff_min: choose a longer one"},
        {[](options& o) { o.workers_max = 257; },
         "workers_max is 257: choose at most 256, or 0 for twice the workers"},
        {[](options& o) {
             o.workers = 4;
             o.workers_max = 3;
         },
         "workers_max is 3 and there are 4 workers: choose at least as many"},
        {[](options& o) { o.reload_at_once = 0; },
         "reload_at_once is 0: choose how many workers a reload starts at a time, 1 or more"},
        {[](options& o) { o.generations_max = 1; },
         "generations_max is below 2: a reload needs an old and a new generation"},
        row_for("systemd:", "listen on systemd: the name is missing; write the socket unit's "
                            "FileDescriptorName=, as in systemd:web"),
        {[](options& o) { o.busy_poll = -1us; },
         "busy_poll is out of range: choose a time from 0 to a year"},
        {[](options& o) { o.log_level = "loud"; },
         "log level 'loud' is unknown: choose debug, info, warning, error or off"},
        {[](options& o) { o.log_format = "xml"; },
         "log format 'xml' is unknown: choose text or json"},
        {[](options& o) {
             o.flags = {{"greeting", "", [](auto&) {}}};
         },
         "flag 'greeting' does not begin with --: name it like --greeting"},
        {[](options& o) {
             o.flags = {{"--greeting", "", nullptr}};
         },
         "flag --greeting has nowhere to go: set its store function"},
    };
    for (auto const& [spoil, line] : rows) {
        options spoiled;
        spoil(spoiled);
        CHECK(spoiled.validate() == line);
    }
}

TEST_CASE("port 0 may be asked for several times", "[master][options]")
{
    options several;
    several.listen = {"127.0.0.1:0", "127.0.0.1:0", "[::1]:0", "unix:/tmp/x.sock"};
    CHECK(several.validate() == "");
}

TEST_CASE("a dispatch policy is known by its name", "[master][options]")
{
    for (auto const policy :
         {dispatch_policy::shared, dispatch_policy::round_robin, dispatch_policy::least_loaded,
          dispatch_policy::reuseport, dispatch_policy::hash, dispatch_policy::custom}) {
        dispatch_policy read{};
        CHECK(parse(name(policy), read));
        CHECK(read == policy);
    }
    dispatch_policy untouched = dispatch_policy::reuseport;
    CHECK_FALSE(parse("fastest", untouched));
    CHECK(untouched == dispatch_policy::reuseport);
}

TEST_CASE("a cluster can be scaled to twice its workers, or as far as was asked for",
          "[master][options]")
{
    options asked;
    asked.workers = 7;
    CHECK(asked.worker_limit() == 14);
    asked.workers_max = 9;
    CHECK(asked.worker_limit() == 9);
    asked.workers = 200;
    asked.workers_max = 0;
    CHECK(asked.worker_limit() == workers_limit);
}

TEST_CASE("the number of workers is what was asked for, or one per CPU that is allowed",
          "[master][options]")
{
    options asked;
    asked.workers = 7;
    CHECK(asked.worker_count() == 7);

    cpu_set_t before;
    REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
        if (CPU_ISSET(cpu, &before))
            CPU_SET(cpu, &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(options{}.worker_count() == 1);
    REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
    CHECK(options{}.worker_count() >= 1);
    CHECK(options{}.worker_count() <= static_cast<std::uint32_t>(CPU_COUNT(&before)));
}

TEST_CASE("a cgroup's quota is rounded up to whole CPUs", "[master][options]")
{
    using supervision::quota_cpus;
    CHECK(quota_cpus("150000 100000") == 2);
    CHECK(quota_cpus("100000 100000") == 1);
    CHECK(quota_cpus("1000 100000") == 1);
    CHECK(quota_cpus("800000 100000\n") == 8);
    CHECK(quota_cpus("max 100000") == std::nullopt);
    CHECK(quota_cpus("") == std::nullopt);
    CHECK(quota_cpus("100000") == std::nullopt);
    CHECK(quota_cpus("100000 0") == std::nullopt);
}

} // namespace options_test
