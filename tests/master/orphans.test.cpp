// Children that are left to a master which is a container's first process, or a subreaper.
#include <covey/master/orphans.hpp>

#include "plain_cluster.hpp"
#include "support/catch.hpp"
#include "support/program.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace orphans_test {

using namespace covey;
using namespace covey::test;
using namespace std::chrono_literals;

namespace {

// A child that starts another process and leaves it to us: its pid.
pid_t leave_an_orphan()
{
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    handle const from{ends[0]};
    handle to{ends[1]};
    pid_t const child = ::fork();
    if (child == 0) {
        pid_t const orphan = ::fork();
        if (orphan == 0)
            ::_exit(0);
        static_cast<void>(!::write(to.get(), &orphan, sizeof orphan));
        ::_exit(0);
    }
    to.reset();
    pid_t orphan = 0;
    REQUIRE(::read(from.get(), &orphan, sizeof orphan) == sizeof orphan);
    ::waitpid(child, nullptr, 0);
    return orphan;
}

bool has_entry(pid_t pid)
{
    return ::kill(pid, 0) == 0;
}

} // namespace

TEST_CASE("orphans are reaped, and workers' statuses are not lost to that",
          "[master][orphans][cluster]")
{
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    CHECK(supervision::inherits_orphans());
    {
        plain_cluster it{plain_options(2)};
        it.master->take_orphans();
        int code = -1;
        it.master->on(event_kind::exit,
                      [&](event const& what) { code = what.status.exit_code().value_or(-2); });
        REQUIRE(it.until_ready());
        auto const orphan = leave_an_orphan();
        CHECK(has_entry(orphan)); // dead perhaps, and nobody's
        CHECK(it.until([&] { return !has_entry(orphan); }));

        // Somebody's own child is left to who waits for it.
        pid_t const own = ::fork();
        if (own == 0)
            ::_exit(7);
        REQUIRE(it.until([&] { return is_zombie(own); }));
        it.loop.run_for(50ms);
        int status = 0;
        REQUIRE(::waitpid(own, &status, 0) == own);
        CHECK(WEXITSTATUS(status) == 7);

        plain_client client{it};
        REQUIRE(client.seat() >= 0);
        client.send("exit 9\n");
        REQUIRE(it.until([&] { return code != -1; }));
        CHECK(code == 9);
    }
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    CHECK_FALSE(supervision::inherits_orphans());
}

} // namespace orphans_test
