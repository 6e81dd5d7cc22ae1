// Deaths at named points of an operation on the state, in whole clusters: a worker dies between two
// steps of a write, another one, at times, between two steps of the repair; then the write is done
// or not, as the point says, every other worker has been told of it as often as it was done, the
// cluster is complete again and goes on. What shm/crash.test.cpp shows for every instruction.
#include "cluster.hpp"
#include "support/campaign.hpp"

#include <csignal>
#include <map>
#include <string>
#include <vector>

namespace crash_points_test {

using namespace covey::test;

namespace {

constexpr std::uint64_t first_mark = 1'000;

struct act
{
    std::string what;
    std::string after;              // the state, with `best` left to be filled in
    std::vector<std::string> tells; // what others hear, in order
};

std::vector<act> const& acts()
{
    static std::vector<act> const all{
        {"update", "a 2, best MARK, jobs 0", {"a 2, "}},
        {"insert", "a 1, b 2, best MARK, jobs 0", {"b 2, "}},
        {"erase", "best MARK, jobs 0", {"a gone, "}},
        {"value", "a 1, best 2, jobs 0", {"best 2, "}},
        {"push", "a 1, best MARK, jobs 1", {"job, "}},
        {"transaction", "a 2, best 2, jobs 0", {"a 2, ", "best 2, "}},
    };
    return all;
}

std::string with_mark(std::string text, std::uint64_t mark)
{
    if (auto const at = text.find("MARK"); at != text.npos)
        text.replace(at, 4, std::to_string(mark));
    return text;
}

std::string do_at(http_client& client, std::string const& what, std::string const& die = {})
{
    std::string path = "/do?what=" + what + (die.empty() ? "" : "&die=" + die);
    for (auto at = path.find(' '); at != path.npos; at = path.find(' '))
        path.replace(at, 1, "%20");
    return ask(client, "GET", path).body;
}

std::size_t occurrences(std::string const& text, std::string const& part)
{
    std::size_t out = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size()))
        ++out;
    return out;
}

// Until this worker has been told of the mark; what it has heard.
std::string heard_until(http_client& client, std::uint64_t mark)
{
    std::string out;
    REQUIRE(wait_until([&] {
        out = ask(client, "GET", "/heard").body;
        return out.find("best " + std::to_string(mark) + ", ") != out.npos;
    }));
    return out;
}

// A cluster at the beginning of an act, and its outcome.
struct scene
{
    scene()
        : it{CRASHER, 4, {"--dispatch", "round_robin"}}
    {}

    void begin()
    {
        clients = it.one_on_each(4);
        ++mark;
        do_at(clients[0], std::to_string(mark));
        for (auto& client : clients) {
            heard_until(client, mark);
            ask(client, "GET", "/forget");
        }
    }

    // What is wrong, as the workers of the clients from `first` on see it, with `one` done or not.
    std::string faults(act const& one, bool done, std::size_t first)
    {
        std::string out;
        auto const expect = [&](std::string const& found, std::string const& wanted) {
            if (found != wanted)
                out += "found \"" + found + "\" for \"" + wanted + "\"; ";
        };
        auto const before = with_mark("a 1, best MARK, jobs 0", mark);
        // What is derived, as how many jobs wait, is so once somebody has repaired.
        auto const wanted = done ? with_mark(one.after, mark) : before;
        std::string found;
        wait_until([&] {
            found = do_at(clients[first], "nothing");
            return found == wanted;
        });
        expect(found, wanted);
        auto const next = mark + 1'000'000;
        expect(do_at(clients[first], std::to_string(next)),
               with_mark("a 1, best MARK, jobs 0", next));
        for (std::size_t i = first; i != clients.size(); ++i) {
            auto const heard = heard_until(clients[i], next);
            std::size_t from = 0;
            for (auto const& each : one.tells) {
                auto const at = heard.find(each, from);
                if (occurrences(heard, each) != (done ? 1 : 0) || (done && at == heard.npos))
                    out += "heard \"" + heard + "\"; ";
                from = done ? at : 0;
            }
        }
        if (!wait_until([&] { return it.workers().size() == 4; }))
            out += "a worker is not replaced; ";
        return out;
    }

    cluster it;
    std::vector<http_client> clients;
    std::uint64_t mark = first_mark;
};

} // namespace

TEST_CASE(
    "a worker that dies at a named point of a write leaves it done or not done to the cluster",
    "[fault]")
{
    struct point
    {
        char const* name;
        bool done;
        bool in_transactions; // which have steps of their own before the announcement
    };
    for (auto const& [name, done, in_transactions] :
         {point{"begun", false, false}, point{"armed", false, false},
          point{"numbered", false, false}, point{"written", false, false},
          point{"committed", true, false}, point{"claimed", true, true},
          point{"recorded", true, true}, point{"announced", true, true},
          point{"disarmed", true, false}, point{"unlocking", true, true},
          point{"unlocked", true, true}}) {
        campaign count{std::string{"workers that die "} + name};
        for (int round = 0; round != times(1, 20); ++round) {
            scene run; // a new one: where writers keep dying, writing is forbidden in the end
            for (auto const& one : acts()) {
                if (one.what == "transaction" && !in_transactions)
                    continue;
                run.begin();
                auto const victim = worker_of(ask(run.clients[0], "GET", "/healthz"));
                REQUIRE(do_at(run.clients[0], one.what, name).empty());
                count.expect(wait_until([&] { return is_gone(victim); }), "nobody died");
                auto const faults = run.faults(one, done, 1);
                count.expect(faults.empty(), one.what + " at \"" + name + "\": " + faults);
                count.count("killed");
            }
        }
    }
}

TEST_CASE("a worker that dies at a named point of a repair leaves it to the next", "[fault]")
{
    for (std::string const name : {"repairing", "repaired", "told", "settled"}) {
        campaign count{"repairers that die " + name};
        for (int round = 0; round != times(1, 20); ++round)
            for (bool const done : {false, true})
                for (bool const by_master : {false, true}) {
                    scene run;
                    auto const& one = acts()[static_cast<std::size_t>(round) % 3]; // of the map
                    run.begin();
                    auto const master = run.it.process.pid();
                    ::kill(master, SIGSTOP); // so that it does not repair first
                    REQUIRE(
                        do_at(run.clients[0], one.what, done ? "committed" : "written").empty());
                    REQUIRE(do_at(run.clients[1], "pass by", name).empty());
                    count.count("writers and repairers killed", 2);
                    if (!by_master)
                        count.expect(!do_at(run.clients[2], "pass by").empty(), "a third one died");
                    ::kill(master, SIGCONT);
                    auto const faults = run.faults(one, done, 2);
                    count.expect(faults.empty(), one.what + (done ? " done" : " begun") +
                                                     ", its repair at \"" + name + "\"" +
                                                     (by_master ? ", then the master's: " : ": ") +
                                                     faults);
                }
    }
}

} // namespace crash_points_test
