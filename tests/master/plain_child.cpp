// plain_child: says on standard output what only a process itself can tell: which signal it gets
// when its parent dies, and whether it can become root. With an argument it talks with who forked
// it instead. For the tests of launch and process.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <covey/master/process/fork.hpp>
#include <cstdio>
#include <string>
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

} // namespace

int main(int argc, char**)
{
    if (argc > 1)
        return talk();
    int signal = -1;
    ::prctl(PR_GET_PDEATHSIG, &signal);
    bool const root_again = ::setuid(0) == 0;
    std::printf("parent-death signal %d, root %s\n", signal, root_again ? "again" : "never");
}
