// How a cluster starts, and what it says when it cannot.
#include "cluster.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <filesystem>
#include <netinet/in.h>
#include <regex>
#include <sys/socket.h>
#include <unistd.h>

namespace start_test {

using namespace covey::test;

namespace {

struct end
{
    int code = 0;
    std::string output;
    std::string errors;
};

end run(std::string const& path, std::vector<std::string> words,
        std::vector<std::string> variables = {})
{
    program process{path, std::move(words), std::move(variables)};
    int const code = process.wait_for_end();
    return {code, process.output(), process.errors()};
}

// One line on standard error, from us, in words that say what to do; nothing else anywhere.
void check_one_line(end const& it, std::string const& advice)
{
    INFO(it.errors);
    CHECK(it.output.empty());
    CHECK(std::count(it.errors.begin(), it.errors.end(), '\n') == 1);
    CHECK(it.errors.starts_with("covey: "));
    CHECK(it.errors.find(advice) != std::string::npos);
}

} // namespace

TEST_CASE("a cluster says once, on standard output, where it is ready", "[cluster][start]")
{
    cluster it{BOARD, 2};
    std::regex const form{R"(covey: ready on 127\.0\.0\.1:(\d+) \(workers 2, pid (\d+)\)\n)"};
    std::smatch found;
    auto const said = it.process.output();
    REQUIRE(std::regex_match(said, found, form));
    CHECK(found[2] == std::to_string(it.process.pid()));
    CHECK(it.workers().size() == 2);
    CHECK(it.ask("GET", "/healthz").body == "ok");
    CHECK(it.process.output() == said);
}

TEST_CASE("a cluster names every address that it is ready on", "[cluster][start]")
{
    auto const path = "/tmp/covey-start-" + std::to_string(::getpid()) + ".sock";
    cluster it{BOARD, 1, {"--listen", "127.0.0.1:0", "--listen", "unix:" + path}};
    std::regex const form{R"(covey: ready on 127\.0\.0\.1:\d+, ready on unix:)" + path +
                          R"(, ready on 127\.0\.0\.1:\d+ \(workers 1, pid \d+\)\n)"};
    CHECK(std::regex_match(it.process.output(), form));
    CHECK(it.ask("GET", "/healthz").status == 200);
    it.process.signal(SIGTERM);
    CHECK(it.process.wait_for_end() == 0);
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a program's own flag has its value in the workers", "[cluster][start]")
{
    CHECK(cluster{SANDBOX}.ask("GET", "/greeting").body == "hello");
    cluster const it{SANDBOX, 2, {"--greeting", "good morning"}};
    CHECK(it.ask("GET", "/greeting").body == "good morning");
}

TEST_CASE("a cluster whose standard streams are closed serves all the same", "[cluster][start]")
{
    // Its ready line goes nowhere, so its port has to be known: one that was free just now.
    std::uint16_t port = 0;
    {
        cluster const before{BOARD, 1};
        port = before.port;
    }
    auto const* const streams = GENERATE(">&-", "<&- >&- 2>&-", ">/dev/full", "> >(true)");
    CAPTURE(streams);
    auto const address = "127.0.0.1:" + std::to_string(port);
    program it{"bash",
               {"-c", "exec \"$0\" --workers 1 --listen " + address + " " + streams, BOARD}};
    std::string body;
    CHECK(wait_until([&] {
        try {
            auto client = http_client::to_port(port);
            body = ask(client, "GET", "/visits").body;
        } catch (std::system_error const&) {
        }
        return !body.empty();
    }));
    CHECK(body == "1"); // nothing that was printed went into the state
    it.signal(SIGTERM);
    CHECK(it.wait_for_end() == 0);
}

TEST_CASE("--help and --version tell and leave", "[cluster][start]")
{
    auto const help = run(SANDBOX, {"--help"});
    CHECK(help.code == 0);
    CHECK(help.errors.empty());
    for (auto const* flag :
         {"--listen", "--workers", "--dispatch", "--drain-deadline", "--busy-poll", "--log-level",
          "--log-format", "--version", "--help", "--greeting"})
        CHECK(help.output.find(flag) != std::string::npos);
    CHECK(std::regex_match(run(SANDBOX, {"--version"}).output,
                           std::regex{R"(sandbox 1\.2\.3 \(covey \d+\.\d+\.\d+\)\n)"}));
    CHECK(std::regex_match(run(BOARD, {"--version", "--workers", "1"}).output,
                           std::regex{R"(board \(covey \d+\.\d+\.\d+\)\n)"}));
}

TEST_CASE("a wrong command line ends with one line that says what to do", "[cluster][start]")
{
    struct row
    {
        std::vector<std::string> words;
        std::string advice;
    };
    auto const [words, advice] = GENERATE(values<row>({
        {{"--bogus"}, "unknown flag '--bogus'; --help lists the flags"},
        {{"-x"}, "unknown flag '-x'; --help lists the flags"},
        {{"8080"}, "unexpected word '8080'; --help lists the flags"},
        {{"--workers"}, "--workers: 1 required VALUE missing; --help lists the flags"},
        {{"--workers", "0"}, "--workers 0: give a number from 1 to 256, or auto"},
        {{"--workers", "257"}, "give a number from 1 to 256, or auto"},
        {{"--workers", "two"}, "give a number from 1 to 256, or auto"},
        {{"--workers", "99999999999999999999"}, "give a number from 1 to 256, or auto"},
        {{"--dispatch", "best"}, "choose shared, round_robin, least_loaded, reuseport or hash"},
        {{"--drain-deadline", "30"}, "give a time such as 30s, 500ms or 2m"},
        {{"--drain-deadline", "-1s"}, "give a time such as 30s, 500ms or 2m"},
        {{"--drain-deadline", "1us"}, "give a time such as 30s, 500ms or 2m"},
        {{"--drain-deadline", "9223372036854775807m"}, "drain_deadline is out of range"},
        {{"--restart-limit", "10"}, "give a number and a time such as 10/60s"},
        {{"--restart-limit", "-1/60s"}, "give a number and a time such as 10/60s"},
        {{"--on-giveup", "cry"}, "choose keep, stop or exit"},
        {{"--recycle-memory", "1TB"}, "give a size such as 300MiB or 1GiB"},
        {{"--recycle-requests", "-1"}, "give a number from 0"},
        {{"--pin-cpus", "maybe"}, "say yes or no"},
        {{"--workers", "4", "--workers-max", "3"}, "choose at least as many"},
        {{"--busy-poll", "fast"}, "give a time such as 50us or 1ms"},
        {{"--log-level", "loud"}, "choose debug, info, warning, error or off"},
        {{"--log-format", "xml"}, "choose text or json"},
        {{"--listen", "nonsense"}, "write HOST:PORT, [V6]:PORT or unix:PATH"},
        {{"--listen", "127.0.0.1:65536"}, "not a number from 0 to 65535"},
        {{"--listen", "127.0.0.1:1", "--listen", "127.0.0.1:1"}, "name it once"},
        {{"--listen", ""}, "write HOST:PORT"},
        {{"--greeting", ""}, "--greeting : say something"},
        {{"--greeting", "two\nlines", "--bogus"}, "unknown flag '--bogus'"},
        {{"two\nlines"}, "unexpected word 'two lines'"},
    }));
    auto const it = run(SANDBOX, words);
    CHECK(it.code == 2);
    check_one_line(it, advice);
}

TEST_CASE("a program's flag may not be called as a standard one", "[cluster][start]")
{
    auto const* const name = GENERATE("--listen", "--help", "--greeting");
    auto const it = run(SANDBOX, {}, {std::string{"SANDBOX_FLAG="} + name});
    CHECK(it.code == 2);
    check_one_line(it, "name each flag once");
}

TEST_CASE("a port that is taken ends with one line that says what to do", "[cluster][start]")
{
    cluster const other{BOARD, 1};
    auto const* const policy = GENERATE("least_loaded", "reuseport");
    auto const it =
        run(BOARD, {"--listen", "127.0.0.1:" + std::to_string(other.port), "--dispatch", policy});
    CHECK(it.code == 1);
    check_one_line(it, "Address already in use; stop the program that has it or choose another");
}

TEST_CASE("a privileged port ends with one line that says what to do", "[cluster][start]")
{
    std::vector<std::string> const words{BOARD, "--listen", "127.0.0.1:80"};
    end it;
    if (::geteuid() != 0)
        it = run(BOARD, {words.begin() + 1, words.end()});
    else {
        std::vector<std::string> as_nobody{"--reuid=65534", "--regid=65534", "--clear-groups",
                                           "--inh-caps=-all", "--bounding-set=-all"};
        as_nobody.insert(as_nobody.end(), words.begin(), words.end());
        it = run("setpriv", as_nobody);
    }
    CHECK(it.code == 1);
    check_one_line(it, "use a port above 1023 or run with CAP_NET_BIND_SERVICE");
}

TEST_CASE("an address this machine has not ends with one line that says what to do",
          "[cluster][start]")
{
    auto const it = run(BOARD, {"--listen", "192.0.2.1:8080"}); // TEST-NET-1, RFC 5737
    CHECK(it.code == 1);
    check_one_line(it, "choose an address that this machine has");
}

TEST_CASE("a schema that cannot fit ends with one line that says what to do", "[cluster][start]")
{
    auto const* const rows = GENERATE("0",                    // none at all
                                      "4000000000",           // more than this machine has
                                      "1000000000000000000"); // more than a map can number
    auto const it =
        run(SANDBOX, {"--listen", "127.0.0.1:0"}, {std::string{"SANDBOX_ROWS="} + rows});
    CHECK(it.code == 1);
    check_one_line(it, "capacity");
}

TEST_CASE("a set-up function that throws ends the start with its reason", "[cluster][start]")
{
    auto const it =
        run(SANDBOX, {"--listen", "127.0.0.1:0", "--workers", "2", "--log-level", "off"},
            {"SANDBOX_REFUSES=1"});
    CHECK(it.code == 1);
    check_one_line(it, "the database is not there");
}

} // namespace start_test
