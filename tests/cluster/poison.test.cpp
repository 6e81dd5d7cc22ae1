#include "cluster.hpp"

namespace poison_test {

using namespace covey::test;

TEST_CASE("rows that kill whoever writes them are quarantined, and the cluster serves on",
          "[cluster][poison]")
{
    cluster it{SANDBOX, 2, {"--log-level", "error"}};
    unsigned status = 0;
    int deaths = 0;
    REQUIRE(wait_until([&] {
        status = it.ask("GET", "/poison").status;
        deaths += status == 0; // it died holding the lock
        return status != 0;
    }));
    CHECK(status == 503);
    CHECK(deaths >= 6);
    CHECK(it.has_logged("workers keep dying while they write in shard"));
    for (auto& client : it.one_on_each(2))
        CHECK(ask(client, "GET", "/poison").status == 503);

    it.process.signal(SIGHUP); // a new program may be better
    CHECK(wait_until([&] { return it.ask("GET", "/poison").status == 0; }));
    it.process.signal(SIGTERM);
    CHECK(it.process.wait_for_end() == 0);
}

} // namespace poison_test
