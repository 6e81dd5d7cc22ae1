#include "harness_load.hpp"

#include "harness_fail.hpp"
#include "harness_notes.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <fmt/format.h>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>

namespace covey::bench {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto patience = 5s; // with one connection

sockaddr_in loopback(std::uint16_t port)
{
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
}

std::string request_for(std::string_view target)
{
    return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);
}

template <class Address>
sockaddr* generic(Address& address)
{
    return reinterpret_cast<sockaddr*>(&address);
}

// ---- one process of a load
// -----------------------------------------------------------------------

// What it notes: two numbers, and behind them the first bytes' latencies in nanoseconds.
constexpr std::size_t note_all = 0;        // connections, those not counted too
constexpr std::size_t note_counted_ns = 1; // how long it counted: until it had at least one
constexpr std::size_t notes_fixed = 2;

class client
{
  public:
    client(load const& wanted, clock::time_point begin)
        : address_{loopback(wanted.port)}
        , request_{request_for(wanted.target)}
        , body_{wanted.body}
        , counted_{begin + wanted.warm_up}
        , end_{counted_ + wanted.length}
        , set_{::epoll_create1(EPOLL_CLOEXEC)}
        , open_(wanted.connections)
    {}

    std::vector<std::int64_t> run()
    {
        for (std::size_t i = 0; i != open_.size(); ++i)
            connect(i);
        std::array<epoll_event, 128> events{};
        while (alive_ > 0) {
            auto const count =
                ::epoll_wait(set_.get(), events.data(), static_cast<int>(events.size()),
                             static_cast<int>(patience / 1ms));
            if (count == 0)
                throw std::runtime_error{"connections are not answered"};
            for (int i = 0; i < count; ++i)
                serve(events[static_cast<std::size_t>(i)]);
        }
        return std::move(notes_);
    }

  private:
    struct connection
    {
        handle socket;
        clock::time_point started;
        std::int64_t first_byte_ns = 0;
        bool asked = false;
        std::string answer = {};
    };

    void connect(std::size_t index)
    {
        auto& one = open_[index];
        one = {.socket = handle{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)},
               .started = clock::now()};
        if (::connect(one.socket.get(), generic(address_), sizeof address_) != 0 &&
            errno != EINPROGRESS)
            fail("connect");
        ++alive_;
        say(one); // over loopback the connection is made by now
        epoll_event watched{.events = EPOLLIN | EPOLLRDHUP | (one.asked ? 0U : EPOLLOUT),
                            .data = {}};
        watched.data.u64 = index;
        if (::epoll_ctl(set_.get(), EPOLL_CTL_ADD, one.socket.get(), &watched) != 0)
            fail("epoll_ctl");
    }

    void say(connection& one)
    {
        auto const sent = ::send(one.socket.get(), request_.data(), request_.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            fail("send");
        one.asked = sent > 0;
    }

    void serve(epoll_event const& event)
    {
        auto const index = static_cast<std::size_t>(event.data.u64);
        auto& one = open_[index];
        if (!one.asked) {
            say(one);
            epoll_event watched{.events = EPOLLIN | EPOLLRDHUP, .data = event.data};
            ::epoll_ctl(set_.get(), EPOLL_CTL_MOD, one.socket.get(), &watched);
            return;
        }
        std::array<char, 4096> buffer;
        auto const got = ::recv(one.socket.get(), buffer.data(), buffer.size(), 0);
        if (got < 0)
            fail("recv");
        if (one.answer.empty())
            one.first_byte_ns = (clock::now() - one.started) / 1ns;
        one.answer.append(buffer.data(), static_cast<std::size_t>(got));
        if (got == 0 || (event.events & EPOLLRDHUP) != 0)
            finish(index);
    }

    void finish(std::size_t index)
    {
        auto& one = open_[index];
        if (!one.answer.starts_with("HTTP/1.1 200") || !one.answer.ends_with(body_))
            throw std::runtime_error{"not the answer: '" + one.answer + "'"};
        one.socket.reset();
        --alive_;
        ++notes_[note_all];
        auto const now = clock::now();
        bool const over = now >= end_ && notes_.size() > notes_fixed;
        if (now >= counted_ && !over) {
            notes_.push_back(one.first_byte_ns);
            notes_[note_counted_ns] = (std::max(end_, now) - counted_) / 1ns;
        }
        if (!over)
            connect(index);
    }

    sockaddr_in address_;
    std::string request_;
    std::string_view body_;
    clock::time_point counted_;
    clock::time_point end_;
    handle set_;
    std::vector<connection> open_;
    std::size_t alive_ = 0;
    std::vector<std::int64_t> notes_ = std::vector<std::int64_t>(notes_fixed);
};

} // namespace

load_result apply(load const& wanted)
{
    auto const begin = clock::now() + 10ms; // when all of them are there
    std::vector<noting_child> workers;
    for (unsigned i = 0; i != wanted.processes; ++i)
        workers.emplace_back([&] {
            std::this_thread::sleep_until(begin);
            return client{wanted, begin}.run();
        });
    load_result out;
    for (auto& each : workers) {
        auto const notes = each.take(patience);
        out.all += static_cast<std::uint64_t>(notes.at(note_all));
        auto const counted = notes.size() - notes_fixed;
        out.per_second +=
            static_cast<double>(counted) * 1e9 / static_cast<double>(notes[note_counted_ns]);
        for (auto i = notes_fixed; i != notes.size(); ++i)
            out.first_byte_us.push_back(static_cast<double>(notes[i]) / 1e3);
    }
    return out;
}

std::optional<std::string> ask(std::uint16_t port, std::string_view target,
                               std::chrono::milliseconds limit)
{
    handle const socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    timeval const patience{.tv_sec = limit / 1s, .tv_usec = (limit % 1s) / 1us};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    auto address = loopback(port);
    auto const words = request_for(target);
    if (::connect(socket.get(), generic(address), sizeof address) != 0 ||
        ::send(socket.get(), words.data(), words.size(), MSG_NOSIGNAL) < 0)
        return std::nullopt;
    std::string answer;
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    while ((got = ::recv(socket.get(), buffer.data(), buffer.size(), 0)) > 0)
        answer.append(buffer.data(), static_cast<std::size_t>(got));
    auto const body = answer.find("\r\n\r\n");
    if (got < 0 || body == std::string::npos)
        return std::nullopt;
    return answer.substr(body + 4);
}

handle connect_to(std::uint16_t port)
{
    handle out{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto address = loopback(port);
    if (::connect(out.get(), generic(address), sizeof address) != 0)
        fail("connect");
    return out;
}

std::uint16_t free_port()
{
    handle const socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(socket.get(), generic(address), size) != 0 ||
        ::getsockname(socket.get(), generic(address), &size) != 0)
        fail("find a free port");
    return ntohs(address.sin_port);
}

} // namespace covey::bench
