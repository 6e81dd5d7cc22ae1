// coveyctl as people and scripts run it, on running clusters.
#include "campaigns/start_file.hpp"
#include "control.hpp"

#include <covey/shm/arena.hpp>
#include <covey/shm/inspect.hpp>
#include <fcntl.h>
#include <map>
#include <sstream>
#include <unistd.h>

namespace coveyctl_test {

using namespace covey::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

// The number behind "name": in JSON on one line.
std::int64_t number_of(std::string const& json, std::string const& name)
{
    auto const at = json.find("\"" + name + "\":");
    REQUIRE(at != json.npos);
    return std::stoll(json.substr(at + name.size() + 3));
}

std::vector<std::string> lines_of(std::string const& text)
{
    std::istringstream in{text};
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);)
        out.push_back(line);
    return out;
}

// The memory of a cluster's state, as the master's user may open it.
covey::handle memory_of(pid_t master)
{
    for (auto const& entry :
         std::filesystem::directory_iterator{"/proc/" + std::to_string(master) + "/fd"}) {
        std::error_code gone;
        auto const target = std::filesystem::read_symlink(entry.path(), gone).string();
        if (target.starts_with("/memfd:covey"))
            return covey::handle{::open(entry.path().c_str(), O_RDWR | O_CLOEXEC)};
    }
    return {};
}

} // namespace

TEST_CASE("coveyctl tells how a cluster is", "[cluster][coveyctl]")
{
    controlled_cluster const all{BOARD, 2};
    auto const pid = std::to_string(all.it.process.pid());
    auto const status = all.ask({"status"});
    CHECK_THAT(status, StartsWith("cluster  board, master " + pid + ", covey "));
    CHECK_THAT(status, Contains("serves   127.0.0.1:" + std::to_string(all.it.port)));
    CHECK_THAT(status, Contains("workers  2 of 2 ready, generation 0, at most 4\n"));
    CHECK_THAT(status, Contains("state    2 fields, "));
    auto const json = all.ask({"status", "--json"});
    CHECK(number_of(json, "pid") == all.it.process.pid());
    CHECK(number_of(json, "ready") == 2);
    CHECK(number_of(json, "fields") == 2);

    auto clients = all.it.one_on_each(2);
    auto const workers = all.ask({"--json", "workers"});
    for (auto const worker : all.it.workers())
        CHECK_THAT(workers, Contains("\"pid\":" + std::to_string(worker) + ","));
    CHECK_THAT(workers, Contains("\"connections\":1,\"connections_max\":null,"));
    CHECK(number_of(workers, "starts") == 1);
    auto const table = lines_of(all.ask({"workers"}));
    REQUIRE(table.size() == 3);
    CHECK_THAT(table[0], StartsWith("SEAT"));
    for (auto const& line : table)
        CHECK(line.size() <= 80);
}

TEST_CASE("coveyctl finds the only cluster, and asks which one of several", "[cluster][coveyctl]")
{
    runtime_directory const place;
    auto const tell = [&](std::vector<std::string> words) {
        return coveyctl(std::move(words), {place.variable()});
    };
    auto const none = tell({"status"});
    CHECK(none.code == 3);
    CHECK_THAT(none.errors, StartsWith("coveyctl: no cluster runs (looked in " + place.controls()));

    cluster const board{BOARD, 1, {}, {place.variable()}};
    CHECK(tell({"status"}).code == 0);
    cluster const hello{HELLO, 1, {}, {place.variable()}};
    auto const several = tell({"status"});
    CHECK(several.code == 3);
    CHECK_THAT(several.errors, StartsWith("coveyctl: 2 clusters run; choose one:\n"));
    for (auto const& [one, name] :
         {std::pair{&board, std::string{"board"}}, std::pair{&hello, std::string{"hello"}}}) {
        auto const pid = std::to_string(one->process.pid());
        CHECK_THAT(several.errors, Contains(place.control(name, one->process.pid())));
        auto const expected = "cluster  " + name + ", master " + pid;
        CHECK_THAT(tell({name, "status"}).output, StartsWith(expected));
        CHECK_THAT(tell({"status", name}).output, StartsWith(expected));
        CHECK_THAT(tell({"--pid", pid, "status"}).output, StartsWith(expected));
        CHECK_THAT(tell({"--control", place.control(name, one->process.pid()), "status"}).output,
                   StartsWith(expected));
    }
    CHECK(tell({"boardd", "status"}).code == 3);
    CHECK(tell({"--pid", "1", "status"}).code == 3);
}

TEST_CASE("coveyctl says what is wrong with its words, and what there is", "[cluster][coveyctl]")
{
    controlled_cluster const all{BOARD, 1};
    auto const none = all.try_to({});
    CHECK(none.code == 2);
    CHECK_THAT(none.errors, StartsWith("coveyctl: say what to do: status, workers, "));
    CHECK_THAT(all.try_to({"statsu"}).errors, Contains("'statsu' is no verb; did you mean "
                                                       "'status'?"));
    CHECK(all.try_to({"scale", "many"}).code == 2);
    CHECK(all.try_to({"state"}).code == 2);
    CHECK(all.try_to({"--help"}).code == 0);

    auto const field = all.try_to({"state", "get", "score", "anna"});
    CHECK(field.code == 1);
    CHECK(field.errors == "coveyctl: no field 'score'; did you mean 'scores'?\n");
    CHECK_THAT(all.try_to({"state", "dump", "something"}).errors,
               Contains("there are: visits, scores"));
    CHECK(all.try_to({"state", "get", "scores", "nobody"}).errors ==
          "coveyctl: scores has no 'nobody'\n");
    CHECK_THAT(all.try_to({"state", "get", "visits", "x"}).errors, Contains("has no keys"));
    auto const elsewhere = all.try_to({"--control", "/nowhere/x", "status"});
    CHECK(elsewhere.code == 3);
    CHECK_THAT(elsewhere.errors, Contains("control socket /nowhere/x: it is not there"));
}

TEST_CASE("what coveyctl dumps is what the cluster answers over HTTP", "[cluster][coveyctl]")
{
    controlled_cluster const all{BOARD, 2};
    auto client = all.it.connect();
    for (int i = 0; i < 200; ++i)
        CHECK(ask(client, "PUT", "/scores/p" + std::to_string(i), std::to_string(i * i)).status ==
              204);
    std::map<std::string, std::string> rows; // as GET /scores has them, by name
    for (auto const& line : lines_of(all.ask({"state", "dump", "scores"}))) {
        auto const middle = line.find(",\"row\":");
        auto const end = line.find(",\"revision\":");
        REQUIRE(line.starts_with("{\"key\":\""));
        REQUIRE(end != line.npos);
        rows[line.substr(7, middle - 7)] = line.substr(middle + 7, end - middle - 7);
    }
    CHECK(rows.size() == 200);
    std::string expected;
    for (auto const& [key, row] : rows)
        expected += (expected.empty() ? "{" : ",") + key + ":" + row;
    CHECK(ask(client, "GET", "/scores").body == expected + "}");

    CHECK(number_of(all.ask({"state", "get", "scores", "p12", "--json"}), "row") == 144);
    CHECK_THAT(all.ask({"state", "get", "scores", "p12"}), StartsWith("row       144\n"));
    auto const list = all.ask({"state", "ls", "--json"});
    CHECK(number_of(list.substr(list.find("\"scores\"")), "rows") == 200);
    CHECK_THAT(all.ask({"state", "describe", "scores"}), Contains("text<32>"));
    for (auto const& line : lines_of(all.ask({"state", "ls"})))
        CHECK(line.size() <= 80);
}

TEST_CASE("coveyctl state locks names who holds a lock", "[cluster][coveyctl]")
{
    controlled_cluster const all{SANDBOX, 2};
    CHECK(all.ask({"state", "locks"}) == "nobody holds a lock\n");
    auto const holder = all.it.ask("GET", "/hold").body;
    auto const locks = all.ask({"state", "locks", "--json"});
    CHECK(number_of(locks, "pid") == std::stoll(holder));
    CHECK_THAT(locks, Contains("\"lock\":\"night_job\""));
    CHECK_THAT(locks, Contains("\"process\":\"runs\""));
    CHECK_THAT(all.ask({"state", "locks"}), Contains("night_job  " + holder + "  runs"));
    ::kill(static_cast<pid_t>(std::stol(holder)), SIGKILL);
    CHECK(wait_until([&] { return all.ask({"state", "locks"}) == "nobody holds a lock\n"; }));
}

TEST_CASE("coveyctl state lag shows the worker that does not come round", "[cluster][coveyctl]")
{
    controlled_cluster const all{BOARD, 2};
    auto clients = all.it.one_on_each(2);
    auto const stopped = worker_of(ask(clients[0], "GET", "/healthz"));
    auto const at_work = worker_of(ask(clients[1], "GET", "/healthz"));
    ::kill(stopped, SIGSTOP);
    REQUIRE(wait_until([&] { return is_stopped(stopped); }));
    for (int i = 0; i < 100; ++i)
        CHECK(ask(clients[1], "PUT", "/scores/anna", std::to_string(i)).status == 204);
    auto const lags = all.ask({"state", "lag", "--json"});
    auto const his = lags.substr(lags.find("\"pid\":" + std::to_string(stopped) + ","));
    CHECK_THAT(his, StartsWith("\"pid\":" + std::to_string(stopped) +
                               ",\"process\":\"stopped\",\"changes\":"));
    CHECK(number_of(his, "changes") >= 100);
    CHECK_THAT(lags, Contains("\"pid\":" + std::to_string(at_work) + ",\"process\":\"runs\""));
    CHECK_THAT(all.ask({"workers"}), Contains("ready, stopped"));
    ::kill(stopped, SIGCONT);
    CHECK(wait_until([&] {
        auto const now = all.ask({"state", "lag", "--json"});
        return number_of(now.substr(now.find("\"pid\":" + std::to_string(stopped))), "changes") <
               100;
    }));
}

TEST_CASE("coveyctl lag tells what notifying has cost", "[cluster][coveyctl]")
{
    controlled_cluster const all{BOARD, 2};
    auto clients = all.it.one_on_each(2);
    for (int i = 0; i < 10; ++i)
        CHECK(ask(clients[0], "PUT", "/scores/anna", std::to_string(i)).status == 204);
    auto const told = [&](std::string const& json, std::string const& block) {
        return number_of(json.substr(json.find("{\"block\":" + block + ",\"told\":")), "told");
    };
    CHECK(wait_until([&] {
        auto const now = all.ask({"lag", "--json"});
        return told(now, "0") >= 10 && told(now, "1") >= 10;
    }));
    auto const json = all.ask({"state", "lag", "--json"});
    CHECK_THAT(json, StartsWith("{\"subscribers\":[{\"block\":0,\"pid\":"));
    CHECK_THAT(json, Contains("\"relay\":{\"open\":true,\"rounds\":"));
    CHECK(number_of(json, "rings") +
              number_of(json.substr(json.find("{\"block\":1,\"told\"")), "rings") >
          0);
    auto const text = all.ask({"lag"});
    CHECK_THAT(text, StartsWith("BLOCK "));
    CHECK_THAT(text,
               Contains("\nBLOCK  TOLD  FOLDED  RESYNCS  WAKES  RINGS  RELAYED  RELAY STANDS"));
    CHECK_THAT(text, Contains("\nthe relay has come round "));
    for (auto const& line : lines_of(text))
        CHECK(line.size() <= 80);
}

TEST_CASE("coveyctl state fsck finds a flipped bit and nothing else", "[cluster][coveyctl]")
{
    controlled_cluster const all{BOARD, 2};
    auto client = all.it.connect();
    for (int i = 0; i < 50; ++i)
        ask(client, "PUT", "/scores/p" + std::to_string(i), "1");
    CHECK(all.ask({"state", "fsck"}) == "no findings\n");
    CHECK(all.ask({"state", "fsck", "--json"}) == "[]\n");

    auto const memory = memory_of(all.it.process.pid());
    REQUIRE(memory.is_open());
    auto const seen = covey::inspect::open(memory);
    auto const& scores = seen.arena()->places().fields.at(1);
    std::uint64_t bucket = 0;
    while (seen.arena()->bucket(scores, bucket).load() == 0)
        ++bucket;
    auto const at = static_cast<off_t>(scores.buckets + bucket * sizeof(std::uint64_t));
    auto const flip = [&] { // of the hash that the link carries
        std::uint64_t word = 0;
        REQUIRE(::pread(memory.get(), &word, sizeof word, at) == sizeof word);
        word ^= std::uint64_t{1} << 40;
        REQUIRE(::pwrite(memory.get(), &word, sizeof word, at) == sizeof word);
    };
    flip();
    auto const found = all.try_to({"state", "fsck"});
    CHECK(found.code == 1);
    CHECK_THAT(found.output, StartsWith("scores"));
    CHECK_THAT(found.output, Contains(" findings\n"));
    auto const json = all.try_to({"state", "fsck", "--json"});
    CHECK(json.code == 1);
    CHECK_THAT(json.output, Contains("\"where\":\"scores"));
    flip();
    CHECK(all.ask({"state", "fsck"}) == "no findings\n");
}

TEST_CASE("coveyctl state repairs tells what a dead worker had left", "[cluster][coveyctl]")
{
    controlled_cluster const all{SANDBOX, 2};
    CHECK(all.ask({"state", "repairs"}) == "nothing had to be repaired\n");
    auto client = all.it.connect();
    auto const victim = worker_of(ask(client, "GET", "/healthz"));
    client.send(request_text("GET", "/poison")); // aborts, holding a lock
    CHECK(client.read().status == 0);
    CHECK(wait_until([&] { return is_gone(victim); }));
    std::string repairs;
    CHECK(wait_until([&] {
        all.it.ask("GET", "/flood?rounds=1"); // whoever wants the lock next, repairs
        repairs = all.ask({"state", "repairs", "--json"});
        return repairs != "[]\n";
    }));
    CHECK_THAT(repairs, Contains("\"where\":\"rows shard "));
    CHECK_THAT(all.ask({"state", "repairs"}), Contains("rows shard "));
    CHECK(number_of(all.ask({"status", "--json"}), "repairs") >= 1);
}

TEST_CASE("coveyctl reload tells the verdict, good or bad", "[cluster][coveyctl]")
{
    start_file const start;
    controlled_cluster const all{SANDBOX, 2, {}, {start.variable()}};
    auto const before = all.it.workers();
    CHECK(all.ask({"reload"}) == "generation 1 serves\n");
    CHECK(wait_until([&] { return all.it.workers().size() == 2; }));
    for (auto const pid : before)
        CHECK(is_gone(pid));
    start.begin("die");
    auto const bad = all.try_to({"reload"});
    CHECK(bad.code == 1);
    CHECK_THAT(bad.errors, StartsWith("coveyctl: the reload failed and generation 1 goes on: "));
    CHECK_THAT(bad.errors, Contains("the disk is on fire"));
    auto const json = all.try_to({"reload", "--json"});
    CHECK(json.code == 1);
    CHECK_THAT(json.output, StartsWith("{\"done\":false,\"generation\":1,\"text\":"));
    CHECK(all.it.ask("GET", "/healthz").status == 200);
}

TEST_CASE("coveyctl scales a cluster, as far as it goes", "[cluster][coveyctl]")
{
    controlled_cluster const all{BOARD, 1, {"--workers-max", "3"}};
    CHECK(all.ask({"scale", "3"}) == "from 1 workers to 3\n");
    CHECK(wait_until([&] { return number_of(all.ask({"status", "--json"}), "ready") == 3; }));
    CHECK(all.ask({"scale", "2", "--json"}) == "{\"before\":3,\"workers\":2}\n");
    CHECK(wait_until([&] { return all.it.workers().size() == 2; }));
    for (auto const* const wrong : {"0", "4"}) {
        auto const said = all.try_to({"scale", wrong});
        CHECK(said.code == 1);
        CHECK_THAT(said.errors, Contains("this cluster takes 1 to 3 workers"));
    }
}

TEST_CASE("coveyctl stops a cluster and waits for its end", "[cluster][coveyctl]")
{
    controlled_cluster all{SANDBOX, 2, {"--drain-deadline", "60m"}};
    auto slow = all.it.connect();
    SECTION("gracefully")
    {
        slow.send(request_text("GET", "/slow?ms=300"));
        REQUIRE(wait_until([&] { return all.it.has_logged("/slow?ms=300 begins"); }));
        CHECK(all.ask({"stop"}) == "sandbox has ended\n");
        CHECK(slow.read().body == "done");
    }
    SECTION("gracefully, and now after all")
    {
        slow.send(request_text("GET", "/slow?ms=3600000"));
        REQUIRE(wait_until([&] { return all.it.has_logged("/slow?ms=3600000 begins"); }));
        CHECK(all.ask({"stop", "--no-wait"}) == "sandbox stops\n");
        CHECK(wait_until([&] {
            return all.ask({"status"}).find("nobody any more: it stops") != std::string::npos;
        }));
        CHECK(all.try_to({"scale", "1"}).code == 1);
        CHECK(all.ask({"stop", "--now", "--json"}) ==
              "{\"pid\":" + std::to_string(all.it.process.pid()) + ",\"ended\":true}\n");
    }
    CHECK(all.it.process.wait_for_end() == 0);
    CHECK(all.place.count() == 0);
}

TEST_CASE("coveyctl state watch tells changes as they come, until it is interrupted",
          "[cluster][coveyctl]")
{
    controlled_cluster const all{BOARD, 2};
    auto const watch = [&](std::vector<std::string> words) {
        words.insert(words.end(), {"--interval", "5"});
        return std::make_unique<program>(COVEYCTL, std::move(words),
                                         std::vector{all.place.variable()});
    };
    auto scores = watch({"state", "watch", "scores"});
    auto anna = watch({"watch", "scores", "anna", "--json"}); // it stands by itself, too
    auto visits = watch({"watch", "visits"});
    auto client = all.it.connect();
    // A watch begins some time after its process: the first change that each tells is one of these.
    std::uint64_t round = 0;
    CHECK(wait_until([&] {
        ask(client, "PUT", "/scores/anna", std::to_string(++round));
        ask(client, "GET", "/visits");
        return !scores->output().empty() && !anna->output().empty() && !visits->output().empty();
    }));
    ask(client, "PUT", "/scores/ben", "-5");
    ask(client, "DELETE", "/scores/anna");
    CHECK(wait_until([&] {
        return scores->output().find("erase   anna  revision ") != std::string::npos &&
               anna->output().find("{\"change\":\"erase\",\"key\":\"anna\"") != std::string::npos;
    }));
    CHECK_THAT(scores->output(), Contains("put     ben  -5  revision "));
    CHECK_THAT(anna->output(), !Contains("ben"));
    CHECK_THAT(anna->output(), Contains("{\"change\":\"put\",\"key\":\"anna\",\"row\":" +
                                        std::to_string(round) + ",\"revision\":"));
    for (auto* const one : {scores.get(), anna.get(), visits.get()}) {
        one->signal(SIGINT);
        CHECK(one->wait_for_end() == 0);
        CHECK(one->errors().empty());
    }
}

TEST_CASE("coveyctl state watch says that the master has ended", "[cluster][coveyctl]")
{
    controlled_cluster all{BOARD, 1};
    program watch{COVEYCTL, {"state", "watch", "visits"}, {all.place.variable()}};
    CHECK(wait_until([&] {
        all.it.ask("GET", "/visits");
        return !watch.output().empty();
    }));
    all.it.process.signal(GENERATE(SIGTERM, SIGKILL));
    CHECK(watch.wait_for_end() == 3);
    CHECK(watch.errors() == "coveyctl: process " + std::to_string(all.it.process.pid()) +
                                ", the master, has ended\n");
}

} // namespace coveyctl_test
