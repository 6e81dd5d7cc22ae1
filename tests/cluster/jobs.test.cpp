// Work in a queue, with real workers that die or leave in the middle of it.
#include "cluster.hpp"

#include <sstream>

namespace jobs_test {

using namespace covey::test;

namespace {

struct entry
{
    std::string what;
    int tries = 0;
    pid_t process = 0;
    bool done = false;
};

// "dishes: try 1 by process 4711, begun"
std::vector<entry> journal_of(cluster const& it)
{
    std::vector<entry> out;
    std::istringstream in{it.ask("GET", "/journal").body};
    for (std::string line; std::getline(in, line);) {
        entry one;
        std::istringstream words{line};
        std::string skipped;
        std::string state;
        if (words >> one.what >> skipped >> one.tries >> skipped >> skipped >> one.process >>
            skipped >> state)
            out.push_back({one.what, one.tries, one.process, state == "done"});
    }
    return out;
}

// The entry of this try, once it is there.
entry wait_for(cluster const& it, int tries, bool done)
{
    entry found;
    REQUIRE(wait_until([&] {
        for (auto const& one : journal_of(it))
            if (one.tries == tries && one.done == done)
                found = one;
        return found.process != 0;
    }));
    return found;
}

} // namespace

TEST_CASE("a job whose worker is killed is done by another, and once", "[cluster]")
{
    cluster it{JOBS, 3};
    REQUIRE(it.ask("POST", "/jobs?seconds=5", "dishes").status == 202);
    auto const first = wait_for(it, 1, false);
    ::kill(first.process, SIGKILL);
    auto const second = wait_for(it, 2, false);
    CHECK(second.process != first.process);
    CHECK(wait_for(it, 2, true).process == second.process);
    CHECK(journal_of(it).size() == 3);
}

TEST_CASE("a worker that drains gives its job back, and a new one does it", "[cluster]")
{
    cluster it{JOBS, 2};
    auto const old = it.workers();
    REQUIRE(it.ask("POST", "/jobs?seconds=5", "dishes").status == 202);
    wait_for(it, 1, false);
    it.process.signal(SIGHUP);
    auto const last = [&] {
        entry newest;
        for (auto const& one : journal_of(it))
            if (one.done)
                newest = one;
        return newest;
    };
    REQUIRE(wait_until([&] { return last().process != 0; }));
    CHECK(std::find(old.begin(), old.end(), last().process) == old.end());
    CHECK(last().tries > 1);
}

TEST_CASE("every job is done once, by whichever worker", "[cluster]")
{
    cluster it{JOBS, 3};
    for (int i = 0; i != 40; ++i)
        REQUIRE(it.ask("POST", "/jobs", "job" + std::to_string(i)).status == 202);
    std::multiset<std::string> done;
    REQUIRE(wait_until([&] {
        done.clear();
        for (auto const& one : journal_of(it))
            if (one.done)
                done.insert(one.what);
        return done.size() == 40;
    }));
    for (int i = 0; i != 40; ++i)
        CHECK(done.count("job" + std::to_string(i) + ":") == 1);
}

} // namespace jobs_test
