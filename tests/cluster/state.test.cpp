// What a cluster does with its state as a whole: it outlives a reload, it is told of at the start,
// and it is nowhere but in memory.
#include "cluster.hpp"
#include "control.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <vector>

namespace state_test {

using namespace covey::test;

namespace {

// Where a process's descriptors lead to.
std::vector<std::filesystem::path> open_files(pid_t pid)
{
    std::vector<std::filesystem::path> out;
    std::error_code gone;
    auto const folder = "/proc/" + std::to_string(pid) + "/fd";
    for (auto const& entry : std::filesystem::directory_iterator{folder})
        out.push_back(std::filesystem::read_symlink(entry.path(), gone));
    return out;
}

// The file that is a process's state: its descriptor under /proc.
std::filesystem::path state_of(pid_t pid)
{
    std::error_code gone;
    auto const folder = "/proc/" + std::to_string(pid) + "/fd";
    for (auto const& entry : std::filesystem::directory_iterator{folder})
        if (std::filesystem::read_symlink(entry.path(), gone).string().starts_with("/memfd:covey:"))
            return entry.path();
    return {};
}

// The id, which is the revision, of the event that tells of a player.
std::uint64_t revision_told_of(http_client& listener, std::string const& player)
{
    REQUIRE(listener.read_until("\"" + player + "\""));
    auto const heard = listener.received().substr(0, listener.received().find(player));
    return std::stoull(heard.substr(heard.rfind("id: ") + 4));
}

std::string json_of(std::map<std::string, std::size_t> const& scores)
{
    std::string out;
    for (auto const& [player, points] : scores)
        out += (out.empty() ? "{\"" : ",\"") + player + "\":" + std::to_string(points);
    return out + "}";
}

} // namespace

TEST_CASE("a reload of the same program keeps every row and goes on with the revisions",
          "[cluster][state]")
{
    cluster it{BOARD, 2};
    std::map<std::string, std::size_t> scores;
    std::uint64_t written = 0; // each is a revision
    std::size_t refused = 0;
    auto const put = [&](std::string const& player, std::size_t points) {
        auto const done = it.ask("PUT", "/scores/" + player, std::to_string(points)).status == 204;
        written += done;
        refused += !done;
        scores[player] = points;
    };
    for (std::size_t i = 0; i != 300; ++i)
        put("before" + std::to_string(i), i);
    auto const before = it.workers();
    std::atomic<bool> over{false};
    std::thread writer{[&] {
        for (std::size_t i = 0; !over; ++i)
            put("meanwhile" + std::to_string(i % 300), i);
    }};
    it.process.signal(SIGHUP);
    bool const serves = wait_until([&] { return it.has_logged("reload: generation 1 serves"); });
    bool const left =
        wait_until([&] { return std::all_of(before.begin(), before.end(), is_gone); });
    over = true;
    writer.join();
    REQUIRE(serves);
    REQUIRE(left);
    CHECK(refused == 0);
    CHECK(scores.size() > 300); // some were written meanwhile
    for (auto& client : it.one_on_each(2))
        CHECK(ask(client, "GET", "/scores").body == json_of(scores));

    auto listener = it.connect();
    listener.send(request_text("GET", "/events"));
    REQUIRE(listener.read(true).status == 200);
    put("afterwards", 1);
    CHECK(revision_told_of(listener, "afterwards") == written);
}

TEST_CASE("a master says at its start what its state's memory is made of, and it has that much",
          "[cluster][state]")
{
    cluster it{BOARD, 3};
    auto const log = it.process.errors();
    std::smatch line;
    REQUIRE(std::regex_search(log, line, std::regex{"state: ([0-9]+) bytes of memory: ([^\n]+)"}));
    auto const told = std::stoull(line[1]);
    std::uint64_t sum = 0;
    std::size_t parts = 0;
    auto const each = line[2].str() + ",";
    for (std::size_t at = 0; at != each.size(); ++parts) {
        auto const end = each.find(',', at);
        auto const part = each.substr(at, end - at);
        auto const bytes = std::stoull(part.substr(part.rfind(' ') + 1));
        CHECK(bytes < told);
        sum += bytes;
        at = end + 1;
    }
    CHECK(parts > 6);
    CHECK(sum == told);
    CHECK(each.find("field visits ") != each.npos);
    CHECK(each.find("field scores ") != each.npos);

    struct ::stat found
    {};
    REQUIRE(::stat(state_of(it.process.pid()).c_str(), &found) == 0);
    CHECK(static_cast<std::uint64_t>(found.st_size) == told);
    CHECK(static_cast<std::uint64_t>(found.st_blocks) * 512 >= told);
}

TEST_CASE("a state has no file, whoever dies, and the memory goes with its last process",
          "[cluster][state]")
{
    runtime_directory const run;
    runtime_directory const temporary;
    std::vector<std::string> const places{run.variable(), "TMPDIR=" + temporary.path()};
    auto const only_memory = [](pid_t pid) {
        auto const open = open_files(pid);
        return std::none_of(open.begin(), open.end(),
                            [](auto const& one) { return one.string().starts_with("/dev/shm"); });
    };
    {
        cluster it{BOARD, 2, {}, places};
        it.ask("PUT", "/scores/anna", "1");
        auto const victim = it.workers().front();
        ::kill(victim, SIGKILL);
        REQUIRE(wait_until([&] { return it.has_logged("worker 3 is ready"); }));
        CHECK(only_memory(it.process.pid()));
        auto const workers = it.workers();
        for (auto const pid : workers) {
            CHECK(only_memory(pid));
            std::ifstream in{"/proc/" + std::to_string(pid) + "/maps"};
            std::string const maps{std::istreambuf_iterator<char>{in}, {}};
            CHECK(maps.find("/memfd:covey:") != maps.npos);
            CHECK(maps.find("/dev/shm") == maps.npos);
        }
        it.process.signal(SIGKILL);
        it.process.wait_for_end();
        for (auto const pid : workers)
            CHECK(wait_until([&] { return is_gone(pid); }));
    }
    CHECK(std::filesystem::is_empty(temporary.path()));
    CHECK(run.count() <= 1); // the killed master's control socket, which the next one removes
    {
        cluster it{BOARD, 1, {}, places};
        CHECK(it.ask("GET", "/scores").body == "{}");
        it.process.signal(SIGTERM);
        CHECK(it.process.wait_for_end() == 0);
    }
    CHECK(std::filesystem::is_empty(temporary.path()));
    CHECK(run.count() == 0);
}

} // namespace state_test
