// The control socket: whose it is, what remains of it, and what a hostile tool can do to a master.
#include "control.hpp"
#include "support/descriptor_count.hpp"
#include "support/seed.hpp"

#include <cerrno>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/control_place.hpp>
#include <covey/protocol/detail/ancillary.hpp>
#include <covey/shm/inspect.hpp>
#include <fcntl.h>
#include <random>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace control_test {

using namespace covey::test;
using namespace covey::protocol;
using covey::handle;

namespace {

mode_t mode_of(std::string const& path)
{
    struct ::stat found
    {};
    return ::lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
}

// A tool that says what it likes.
class tool
{
  public:
    explicit tool(std::string const& path)
        : channel_{loop_.get_executor(), std::move(call_socket(path).socket)}
    {}

    send_status say(from_tool const& message, std::vector<covey::shared_handle> handles = {})
    {
        return channel_.send(message, std::move(handles));
    }

    envelope<to_tool> hear()
    {
        bool over = false;
        envelope<to_tool> out{};
        channel_.async_receive([&](boost::system::error_code failed, envelope<to_tool> in) {
            over = true;
            failed_ = failed;
            out = std::move(in);
        });
        REQUIRE(run_until(loop_, [&] { return over; }));
        return out;
    }

    // The next answer, of this type.
    template <class Answer>
    Answer hear_a()
    {
        auto got = hear();
        REQUIRE_FALSE(failed_);
        REQUIRE(std::holds_alternative<Answer>(got.message));
        return std::get<Answer>(std::move(got.message));
    }

    bool is_hung_up_on()
    {
        hear();
        return failed_.failed();
    }

  private:
    boost::asio::io_context loop_{1};
    tool_channel channel_;
    boost::system::error_code failed_;
};

// What a process of another user gets from the socket: errno of its connect, or 0 and then whether
// the master has hung up without a word.
struct strangers_luck
{
    int connected = 0;
    bool hung_up = false;
};
strangers_luck try_as_stranger(std::string const& path)
{
    int answer[2];
    REQUIRE(::pipe2(answer, O_CLOEXEC) == 0);
    auto const child = ::fork();
    if (child == 0) { // system calls only
        strangers_luck luck;
        if (::setresgid(65'534, 65'534, 65'534) != 0 || ::setresuid(65'534, 65'534, 65'534) != 0)
            ::_exit(1);
        int const socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
        ::sockaddr_un address{};
        address.sun_family = AF_UNIX;
        for (std::size_t i = 0; i != path.size(); ++i)
            address.sun_path[i] = path[i];
        if (::connect(socket, reinterpret_cast<::sockaddr const*>(&address), sizeof address) != 0)
            luck.connected = errno;
        char byte = 0;
        luck.hung_up = luck.connected == 0 && ::read(socket, &byte, 1) == 0;
        ::_exit(::write(answer[1], &luck, sizeof luck) == sizeof luck ? 0 : 1);
    }
    ::close(answer[1]);
    strangers_luck luck;
    CHECK(::read(answer[0], &luck, sizeof luck) == sizeof luck);
    ::close(answer[0]);
    ::waitpid(child, nullptr, 0);
    return luck;
}

} // namespace

TEST_CASE("a control socket is its user's alone and goes with its master", "[cluster][control]")
{
    runtime_directory const place;
    std::string path;
    {
        cluster it{BOARD, 1, {}, {place.variable()}};
        path = place.control("board", it.process.pid());
        CHECK(mode_of(place.controls()) == 0700);
        CHECK(mode_of(path) == 0600);
        auto const stop = GENERATE(SIGTERM, SIGINT);
        it.process.signal(stop);
        CHECK(it.process.wait_for_end() == 0);
    }
    CHECK(place.count() == 0);
}

TEST_CASE("what a killed master leaves is removed by whoever comes by", "[cluster][control]")
{
    runtime_directory const place;
    auto const killed = [&] {
        cluster it{BOARD, 1, {}, {place.variable()}};
        it.process.signal(SIGKILL);
        it.process.wait_for_end();
    };
    killed();
    REQUIRE(place.count() == 1);
    SECTION("the next master")
    {
        cluster const it{BOARD, 1, {}, {place.variable()}};
        CHECK(place.count() == 1);
        CHECK(std::filesystem::exists(place.control("board", it.process.pid())));
    }
    SECTION("the next coveyctl")
    {
        auto const said = coveyctl({"status"}, {place.variable()});
        CHECK(said.code == 3);
        CHECK(said.errors.find("no cluster runs (looked in " + place.controls()) !=
              std::string::npos);
        CHECK(place.count() == 0);
    }
}

TEST_CASE("a control path is an error while another master answers there, and no longer",
          "[cluster][control]")
{
    runtime_directory const place;
    auto const path = place.path() + "/mine";
    {
        cluster first{HELLO, 1, {"--control", path}};
        CHECK(mode_of(path) == 0600);
        program second{HELLO, {"--listen", "127.0.0.1:0", "--control", path}};
        CHECK(second.wait_for_end() == 1);
        CHECK(second.errors() == "covey: control socket " + path +
                                     ": Address already in use by process " +
                                     std::to_string(first.process.pid()) +
                                     "; stop the program that has it or choose another "
                                     "--control PATH\n");
        CHECK(coveyctl({"--control", path, "status"}).code == 0);
        first.process.signal(SIGKILL);
        first.process.wait_for_end();
    }
    CHECK(mode_of(path) == 0600);
    cluster const third{HELLO, 1, {"--control", path}};
    CHECK(coveyctl({"--control", path, "status"}).code == 0);
}

TEST_CASE("a directory that is not its user's alone gets no control socket", "[cluster][control]")
{
    runtime_directory const place;
    std::filesystem::create_directory(place.controls());
    ::chmod(place.controls().c_str(), 0755);
    cluster const it{HELLO, 1, {}, {place.variable()}};
    CHECK(it.has_logged("is not a directory of this user alone"));
    CHECK(place.count() == 0);
    CHECK(it.ask("GET", "/").status == 200);
    auto const said = coveyctl({"status"}, {place.variable()});
    CHECK(said.code == 3);
}

TEST_CASE("a master without a control socket is one that was told so", "[cluster][control]")
{
    runtime_directory const place;
    cluster const it{HELLO, 1, {"--control", "off"}, {place.variable()}};
    CHECK(place.count() == 0);
    CHECK_FALSE(it.has_logged("control"));
}

TEST_CASE("nobody but the cluster's user and root is let in", "[cluster][control]")
{
    if (::geteuid() != 0) {
        WARN("not shown: becoming another user takes root");
        return;
    }
    controlled_cluster const all{HELLO, 1};
    auto const path = all.place.control("hello", all.it.process.pid());
    CHECK(try_as_stranger(path).connected == EACCES);
    // If modes did not keep them out, the master would.
    for (auto const& opened : {all.place.path(), all.place.controls(), path})
        ::chmod(opened.c_str(), 0777);
    auto const luck = try_as_stranger(path);
    CHECK(luck.connected == 0);
    CHECK(luck.hung_up);
    CHECK(coveyctl({"--control", path, "status"}).code == 0);
}

TEST_CASE("questions are answered in their order, each once", "[cluster][control]")
{
    controlled_cluster const all{BOARD, 2};
    tool asks{all.place.control("board", all.it.process.pid())};
    asks.say(control::hello{control::version});
    asks.say(control::list_workers{});
    asks.say(control::reload{});
    asks.say(control::scale{99});
    asks.say(control::lend_segment{});
    asks.say(control::hello{control::version});
    CHECK(asks.hear_a<control::cluster>().generation == 0);
    CHECK(asks.hear_a<control::worker>().seat == 0);
    CHECK(asks.hear_a<control::worker>().seat == 1);
    asks.hear_a<control::done>();
    CHECK(asks.hear_a<control::verdict>().done);
    CHECK(asks.hear_a<control::refused>().reason.starts_with("cannot scale to 99"));
    asks.hear_a<control::segment>();
    CHECK(asks.hear_a<control::cluster>().generation == 1);
}

TEST_CASE("a tool of another version is told so, and one that has not said hello",
          "[cluster][control]")
{
    controlled_cluster const all{HELLO, 1};
    tool asks{all.place.control("hello", all.it.process.pid())};
    asks.say(control::stop{});
    CHECK(asks.hear_a<control::refused>().reason == "say hello first");
    asks.say(control::hello{control::version + 1});
    CHECK(asks.hear_a<control::refused>().reason.find("speak version 1 and this one speaks 2") !=
          std::string::npos);
    asks.say(control::lend_segment{});
    CHECK(asks.hear_a<control::refused>().reason == "say hello first");
    CHECK(all.it.ask("GET", "/").status == 200);
}

TEST_CASE("a segment that was lent to a tool can be read and not written", "[cluster][control]")
{
    controlled_cluster const all{BOARD, 1};
    tool asks{all.place.control("board", all.it.process.pid())};
    asks.say(control::hello{control::version});
    asks.hear_a<control::cluster>();
    asks.say(control::lend_segment{});
    auto got = asks.hear();
    REQUIRE(got.handles.size() == 1);
    auto const& lent = got.handles.front();
    auto const seen = covey::inspect::open(lent);
    CHECK(seen.find("scores"));

    CHECK(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, lent.get(), 0) == MAP_FAILED);
    CHECK(errno == EACCES);
    auto* const read = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, lent.get(), 0);
    REQUIRE(read != MAP_FAILED);
    CHECK(::mprotect(read, 4096, PROT_READ | PROT_WRITE) != 0);
    CHECK(errno == EACCES);
    ::munmap(read, 4096);
    CHECK(::write(lent.get(), "x", 1) == -1);
    CHECK(errno == EBADF);
    CHECK(::ftruncate(lent.get(), 0) != 0);
}

TEST_CASE("hostile tools cost a master nothing", "[cluster][control]")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    controlled_cluster const all{BOARD, 2};
    auto const master = all.it.process.pid();
    auto const path = all.place.control("board", master);
    all.ask({"status"});
    auto const before = descriptor_count(master);
    auto const goes_on = [&] {
        CHECK(all.it.ask("GET", "/healthz").status == 200);
        CHECK(all.ask({"workers", "--json"}).find("\"seat\":1") != std::string::npos);
    };
    auto const send = [](handle const& to, std::string_view bytes) {
        return ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    };
    {
        std::vector<handle> callers;
        for (int i = 0; i < 50; ++i) { // garbage
            callers.push_back(call_socket(path).socket);
            std::string bytes(1 + random() % 4'000, '\0');
            for (char& each : bytes)
                each = static_cast<char>(random());
            send(callers.back(), bytes);
        }
        goes_on();
        for (int i = 0; i < 50; ++i) { // silence, and halves of a frame
            callers.push_back(call_socket(path).socket);
            send(callers.back(),
                 std::string_view{"\x01\0\0\0\xc0\0\0\0\0\0\0\0\0\0\0\0\x91", random() % 17});
        }
        goes_on();
        CHECK(descriptor_count(master) <= before + 16);
    }
    {
        std::vector<std::unique_ptr<tool>> deaf; // they ask and ask, and read nothing
        for (int i = 0; i < 16; ++i) {
            auto& one = *deaf.emplace_back(std::make_unique<tool>(path));
            one.say(control::hello{control::version});
            for (int round = 0; round < 5'000; ++round)
                one.say(control::list_workers{});
        }
        goes_on();
    }
    {
        std::vector<std::unique_ptr<tool>> loaded; // descriptors beside messages that carry none
        for (int i = 0; i < 20; ++i) {
            auto& one = *loaded.emplace_back(std::make_unique<tool>(path));
            std::vector<covey::shared_handle> many(
                64, covey::share(handle{::open("/dev/null", O_RDONLY | O_CLOEXEC)}));
            one.say(control::hello{control::version}, many);
            CHECK(one.is_hung_up_on());
        }
        goes_on();
    }
    CHECK(wait_until([&] { return descriptor_count(master) == before; }));
    CHECK(all.it.workers().size() == 2);
}

TEST_CASE("a tool that does not finish what it says is hung up on", "[cluster][control]")
{
    controlled_cluster const all{HELLO, 1};
    auto const caller = call_socket(all.place.control("hello", all.it.process.pid()));
    REQUIRE_FALSE(caller.failed);
    CHECK(::send(caller.socket.get(), "\x01\0\0", 3, MSG_NOSIGNAL) == 3);
    char byte = 0;
    CHECK(wait_until([&] { return ::recv(caller.socket.get(), &byte, 1, MSG_DONTWAIT) == 0; }));
}

} // namespace control_test
