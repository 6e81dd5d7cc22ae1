// What a master counts of its channels in the segment, for who reads metrics there.
#include "plain_cluster.hpp"
#include "support/catch.hpp"

#include <covey/protocol/messages.hpp>
#include <covey/shm/channel_words.hpp>
#include <covey/shm/inspect.hpp>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace channel_counts_test {

using namespace covey;
using namespace covey::test;
using namespace std::chrono_literals;
using covey::shm::bad_frame;
using covey::shm::handoff;

namespace {

// What the one master of this process has counted.
std::uint64_t counted(std::size_t word)
{
    for (auto const& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        std::error_code gone;
        auto const what = std::filesystem::read_symlink(each, gone).string();
        if (!what.starts_with("/memfd:covey:"))
            continue;
        handle const lent{::open(each.path().c_str(), O_RDONLY | O_CLOEXEC)};
        return shm::statistics_by_master(*inspect::open(lent).arena(), word);
    }
    return 0;
}

options passing(std::uint32_t workers)
{
    auto out = plain_options(workers);
    out.dispatch = dispatch_policy::round_robin;
    out.kill_after = 50ms;
    return out;
}

} // namespace

TEST_CASE("what ends a channel is counted by what is wrong with it", "[master][cluster]")
{
    for (auto const& [word, what] :
         {std::pair{"wrong-version", bad_frame::wrong_version}, {"bad-frame", bad_frame::header}}) {
        CAPTURE(word);
        plain_cluster it{plain_options(1), {word}};
        CHECK(it.until([&, what = what] { return counted(shm::bad_frame_word(what)) > 0; }));
        CHECK(counted(shm::frame_word(shm::frame_way::from_worker, protocol::hello::type)) > 0);
    }
}

TEST_CASE("each connection that is passed is counted by what becomes of it", "[master][cluster]")
{
    for (auto const& [word, how] : {std::pair{"none", handoff::accepted},
                                    {"reject@0", handoff::rejected},
                                    {"bogus-accept@0", handoff::returned}}) {
        CAPTURE(word);
        plain_cluster it{passing(2), {word}};
        REQUIRE(it.until_ready());
        std::vector<std::unique_ptr<plain_client>> clients;
        for (int i = 0; i < 6; ++i) {
            clients.push_back(std::make_unique<plain_client>(it));
            clients.back()->send("hello\n");
        }
        for (auto const& one : clients) {
            one->seat();
            CHECK(one->line() == "hello");
        }
        CHECK(it.until([] { return counted(shm::handoff_word(handoff::accepted)) == 6; }));
        CHECK(it.until([&, how = how] { return counted(shm::handoff_word(how)) > 0; }));
        bool const lied = how == handoff::returned;
        CHECK((counted(shm::bad_frame_word(bad_frame::out_of_place)) > 0) == lied);
    }
}

} // namespace channel_counts_test
