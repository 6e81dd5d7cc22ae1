// epoll_server: the floor of bench_http_throughput: the least that answers HTTP with epoll, recv
// and send, in processes that share a listening port. It looks for the empty line and for the
// target, believes everything else, and has no limits, timeouts, router or counters.
//
//   bench_epoll_server PORT WORKERS       GET / /counter /session
#include "harness_fail.hpp"

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <covey/protocol/handle.hpp>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <harness_plain_table.hpp>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unordered_map>

namespace covey::bench {

namespace {

constexpr std::uint64_t sessions = 10'000;

struct shared
{
    boost::interprocess::mapped_region memory =
        boost::interprocess::anonymous_shared_memory(sizeof(std::atomic<std::uint64_t>));
    std::atomic<std::uint64_t>& hits = *new (memory.get_address()) std::atomic<std::uint64_t>{0};
    plain_table rows{sessions};
};

handle listen_on(std::uint16_t port)
{
    handle out{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    int const on = 1;
    ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    ::setsockopt(out.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // inherited by what it takes
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(out.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(out.get(), 4'096) != 0)
        fail("listen");
    return out;
}

class epoll_worker
{
  public:
    epoll_worker(std::uint16_t port, unsigned number, shared& state)
        : state_{state}
        , drawn_{number + 1}
        , listener_{listen_on(port)}
        , set_{::epoll_create1(EPOLL_CLOEXEC)}
    {
        watch(listener_.get());
    }

    [[noreturn]] void run()
    {
        std::array<epoll_event, 256> events{};
        for (;;) {
            auto const count = ::epoll_wait(set_.get(), events.data(), events.size(), -1);
            update_head();
            for (int i = 0; i < count; ++i) {
                auto const ready = events[static_cast<std::size_t>(i)].data.fd;
                ready == listener_.get() ? accept() : serve(ready);
            }
        }
    }

  private:
    void watch(int socket)
    {
        epoll_event watched{.events = EPOLLIN, .data = {.fd = socket}};
        if (::epoll_ctl(set_.get(), EPOLL_CTL_ADD, socket, &watched) != 0)
            fail("epoll_ctl");
    }

    void accept()
    {
        auto const socket =
            ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0)
            watch(socket);
    }

    void serve(int socket)
    {
        auto const held = halves_.find(socket);
        std::size_t have = 0;
        if (held != halves_.end()) {
            have = held->second.size();
            std::memcpy(in_.data(), held->second.data(), have);
            halves_.erase(held);
        }
        auto const got = ::recv(socket, in_.data() + have, in_.size() - have, 0);
        if (got <= 0) {
            if (got == 0 || errno != EAGAIN)
                ::close(socket);
            return;
        }
        std::string_view left{in_.data(), have + static_cast<std::size_t>(got)};
        std::size_t out = 0;
        bool closes = false;
        for (auto end = left.find("\r\n\r\n"); end != left.npos && !closes;
             end = left.find("\r\n\r\n")) {
            out = answer(left.substr(0, end + 4), out, closes);
            left.remove_prefix(end + 4);
        }
        if (!left.empty())
            halves_[socket] = left;
        if (out > 0 && ::send(socket, out_.data(), out, MSG_NOSIGNAL) < 0)
            closes = true; // the clients of the bench read what they asked for
        if (closes)
            ::close(socket);
    }

    std::size_t answer(std::string_view asked, std::size_t at, bool& closes)
    {
        closes = asked.find("\r\nConnection: close\r\n") != asked.npos;
        auto const target = asked.substr(4, asked.find(' ', 4) - 4);
        row body;
        std::size_t size = 11;
        if (target == "/session") {
            size = session(body);
        } else if (target == "/counter") {
            size = static_cast<std::size_t>(
                std::to_chars(body.data(), body.data() + body.size(),
                              state_.hits.fetch_add(1, std::memory_order_relaxed) + 1)
                    .ptr -
                body.data());
        } else {
            std::memcpy(body.data(), "hello world", size);
        }
        auto* to = out_.data() + at;
        std::memcpy(to, head_.data(), head_.size());
        to = std::to_chars(to + head_.size(), to + head_.size() + 4, size).ptr;
        auto const end = closes ? std::string_view{"\r\nConnection: close\r\n\r\n"}
                                : std::string_view{"\r\n\r\n"};
        to = static_cast<char*>(std::memcpy(to, end.data(), end.size())) + end.size();
        std::memcpy(to, body.data(), size);
        return static_cast<std::size_t>(to + size - out_.data());
    }

    std::size_t session(row& body)
    {
        key_name const key{drawn_.below(sessions)};
        if (!state_.rows.get(key.view(), body))
            body = row_of('x');
        auto const next = ++turns_;
        std::memcpy(body.data(), &letters[next % letters.size()], 1);
        state_.rows.put(key.view(), body);
        return body.size();
    }

    // Once a second: all of the answer up to the length.
    void update_head()
    {
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
        if (now.tv_sec == second_)
            return;
        second_ = now.tv_sec;
        std::tm parts{};
        ::gmtime_r(&second_, &parts);
        std::array<char, 64> date{};
        ::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        head_ = fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                            "Date: {}\r\nContent-Length: ",
                            date.data());
    }

    static constexpr std::string_view letters = "abcdefghijklmnop";

    shared& state_;
    dice drawn_;
    handle listener_;
    handle set_;
    std::uint64_t turns_ = 0;
    std::time_t second_ = 0;
    std::string head_;
    std::array<char, 16 << 10> in_{};
    std::array<char, 64 << 10> out_{};
    std::unordered_map<int, std::string> halves_; // requests that have not come whole
};

} // namespace

} // namespace covey::bench

int main(int argc, char** argv)
{
    using namespace covey::bench;
    if (argc != 3) {
        std::fputs("usage: bench_epoll_server PORT WORKERS\n", stderr);
        return 2;
    }
    auto const port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    shared state;
    fill(state.rows, sessions);
    for (int number = 0; number != std::atoi(argv[2]); ++number)
        if (::fork() == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            std::make_unique<epoll_worker>(port, static_cast<unsigned>(number), state)->run();
        }
    while (::wait(nullptr) > 0)
        ;
}
