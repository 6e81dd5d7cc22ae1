// plain_child: says on standard output what only a process itself can tell: which signal it gets
// when its parent dies, and whether it can become root. "sleeper" starts a sleep(1) that is to die
// with it, and waits; any other argument makes it talk with who forked it. For the tests of launch
// and process.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <covey/master/launch.hpp>
#include <covey/master/process/fork.hpp>
#include <cstdio>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <unistd.h>

namespace net = boost::asio;
using namespace covey;

namespace {

// Answers requests, and writes into the handles that come; until the parent is gone.
int talk()
{
    net::io_context io{1};
    auto parent = process::parent(io.get_executor());
    if (!parent)
        return 2;
    parent->on_request([](message said) -> net::awaitable<datum> {
        co_return datum{said.body.as<std::string>().value_or("") + " from " +
                        std::to_string(::getpid())};
    });
    parent->on_message([](message said) {
        for (auto& one : said.handles) {
            handle const to = one.release();
            [[maybe_unused]] auto const bytes = ::write(to.get(), "written", 7);
        }
    });
    parent->on_end([&](boost::system::error_code) { io.stop(); });
    io.run();
    return 0;
}

int start_sleeper()
{
    supervision::launch_plan plan;
    plan.program = {.path = "/bin/sleep", .arguments = {"sleep", "1000"}};
    plan.dies_with_this_thread = true;
    auto const process = supervision::launch(plan);
    for (;;)
        ::pause();
}

} // namespace

int main(int argc, char** argv)
{
    if (argc > 1)
        return argv[1] == std::string_view{"sleeper"} ? start_sleeper() : talk();
    int signal = -1;
    ::prctl(PR_GET_PDEATHSIG, &signal);
    bool const root_again = ::setuid(0) == 0;
    std::printf("parent-death signal %d, root %s\n", signal, root_again ? "again" : "never");
}
