// Redis over a Unix socket, asked one thing at a time by the least client there can be.
#include "play.hpp"
#include "store.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <thread>
#include <utility>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;

constexpr unsigned batch = 32; // an operation is tens of microseconds
constexpr std::string_view stored = "+OK\r\n";
constexpr std::string_view row_head = "$100\r\n";
static_assert(row_bytes == 100);

class redis_rows
{
  public:
    explicit redis_rows(std::string const& path)
        : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        if (::connect(socket_.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) !=
            0)
            throw std::system_error{errno, std::system_category(), "connect to redis"};
    }

    void put(std::string_view key, row const& value)
    {
        send(set_command(key, value));
        if (receive(stored.size()) != stored)
            throw std::runtime_error{"redis: " + answer_};
    }
    bool get(std::string_view key, row& value)
    {
        send(fmt::format("*2\r\n$3\r\nGET\r\n${}\r\n{}\r\n", key.size(), key));
        auto const answer = receive(row_head.size() + row_bytes + 2);
        if (!answer.starts_with(row_head))
            return false;
        std::memcpy(value.data(), answer.data() + row_head.size(), value.size());
        return true;
    }
    void fill_at_once(std::uint64_t keys)
    {
        constexpr std::uint64_t most = 1'000;
        auto const first = row_of('x');
        for (std::uint64_t i = 0; i < keys;) {
            std::string commands;
            auto const begin = i;
            for (; i != keys && i != begin + most; ++i)
                commands += set_command(key_name{i}.view(), first);
            send(commands);
            receive((i - begin) * stored.size());
        }
    }

  private:
    static std::string set_command(std::string_view key, row const& value)
    {
        return fmt::format("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n{}{}\r\n", key.size(), key, row_head,
                           std::string_view{value.data(), value.size()});
    }
    void send(std::string const& what)
    {
        for (std::size_t at = 0; at != what.size();) {
            auto const sent =
                ::send(socket_.get(), what.data() + at, what.size() - at, MSG_NOSIGNAL);
            if (sent < 0)
                throw std::system_error{errno, std::system_category(), "send to redis"};
            at += static_cast<std::size_t>(sent);
        }
    }
    // So many bytes; fewer when redis says something else, which is shorter.
    std::string const& receive(std::size_t bytes)
    {
        answer_.resize(bytes);
        std::size_t have = 0;
        while (have != bytes) {
            auto const got = ::recv(socket_.get(), answer_.data() + have, bytes - have, 0);
            if (got <= 0)
                throw std::runtime_error{"redis has gone"};
            have += static_cast<std::size_t>(got);
            if (answer_[0] == '-' || answer_.starts_with("$-1"))
                break;
        }
        answer_.resize(have);
        return answer_;
    }

    handle socket_;
    std::string answer_;
};

redis_rows connect_when_up(std::string const& path)
{
    for (auto const limit = std::chrono::steady_clock::now() + 20s;;) {
        try {
            return redis_rows{path};
        } catch (std::system_error const&) {
            if (std::chrono::steady_clock::now() > limit)
                throw;
            std::this_thread::sleep_for(5ms);
        }
    }
}

} // namespace

store redis_store()
{
    return {.name = "redis",
            .missing =
                [] {
                    return find_program("redis-server").empty() ? std::string{"redis-server"}
                                                                : std::string{};
                },
            .start =
                [](site const& where) {
                    auto const socket =
                        where.files->file(fmt::format("redis-{}.socket", where.keys));
                    running_store out;
                    out.programs.emplace_back(
                        find_program("redis-server"),
                        std::vector<std::string>{"redis-server", "--port", "0", "--unixsocket",
                                                 socket, "--save", "", "--appendonly", "no",
                                                 "--dir", where.files->folder()});
                    connect_when_up(socket).fill_at_once(where.keys);
                    out.players = fork_players(where, [&](unsigned number, player_socket& orders) {
                        redis_rows rows{socket};
                        play_all(orders, number, rows, where.keys, batch);
                    });
                    return out;
                }};
}

} // namespace covey::bench
