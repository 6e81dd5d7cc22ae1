// The two ways of a change: by the segment, and by the channel through the master.
#include "cluster.hpp"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

namespace relayed_test {

using namespace covey::test;

namespace {

constexpr std::size_t changes = 300;

std::vector<std::string> lines(http_client& worker, std::string const& path)
{
    std::istringstream text{ask(worker, "GET", path).body};
    std::vector<std::string> out;
    for (std::string line; std::getline(text, line);)
        out.push_back(line);
    std::sort(out.begin(), out.end());
    return out;
}

bool has_doubles(std::vector<std::string> const& sorted)
{
    return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

} // namespace

TEST_CASE("the segment and the channel tell the same changes, and by revision none is told twice",
          "[cluster]")
{
    cluster const it{RELAYER, 3};
    auto workers = it.one_on_each(3);
    for (auto& one : {&workers[0], &workers[1]})
        REQUIRE(ask(*one, "POST", "/write?n=" + std::to_string(changes)).status == 200);

    // Each has written, or not; nobody is told its own.
    std::size_t const others[] = {changes, changes, 2 * changes};
    for (std::size_t i = 0; i != workers.size(); ++i) {
        INFO("worker " << i);
        CHECK(wait_until([&] { return lines(workers[i], "/channel").size() >= others[i]; }));
        CHECK(wait_until([&] { return lines(workers[i], "/segment").size() >= others[i]; }));
        auto const by_segment = lines(workers[i], "/segment");
        CHECK(by_segment.size() == others[i]);
        CHECK(!has_doubles(by_segment));
        CHECK(by_segment == lines(workers[i], "/channel"));
        CHECK(by_segment == lines(workers[i], "/both"));
    }
}

} // namespace relayed_test
