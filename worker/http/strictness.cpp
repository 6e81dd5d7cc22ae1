#include "strictness.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <utility>

namespace covey::http::strictness {

namespace {

// A server that answers a client this much too early may reset it: what cannot be sent is no
// finding, what is answered is.
class client
{
  public:
    client(handle connected, std::chrono::milliseconds patience)
        : socket_{std::move(connected)}
        , patience_{static_cast<int>(patience.count())}
    {}

    // Reads while it writes: a peer that answers and stops reading must not hold this up.
    void send(std::string_view bytes)
    {
        while (!bytes.empty() && !ended_) {
            pollfd ready{.fd = socket_.get(), .events = POLLIN | POLLOUT, .revents = 0};
            if (::poll(&ready, 1, patience_) <= 0)
                return;
            if ((ready.revents & POLLIN) != 0)
                receive();
            if ((ready.revents & POLLOUT) == 0)
                continue;
            auto const sent =
                ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && errno != EAGAIN && errno != EINTR)
                return;
            bytes.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
        }
    }

    struct answer
    {
        unsigned status = 0;
        bool dated = false;
    };

    // None when the connection ended, or nothing came, before its end. Interim answers are left
    // out.
    std::optional<answer> read()
    {
        for (;;) {
            auto const end = find("\r\n\r\n", 0);
            if (end == npos)
                return std::nullopt;
            auto const head = received_.substr(0, end + 2);
            received_.erase(0, end + 4);
            answer in;
            if (!head.starts_with("HTTP/1.") || head.size() < 12)
                return std::nullopt;
            std::from_chars(head.data() + 9, head.data() + 12, in.status);
            in.dated = field(head, "date").has_value();
            if (in.status >= 100 && in.status < 200)
                continue;
            if (in.status != 204 && in.status != 304 && !skip_body(head))
                return std::nullopt;
            return in;
        }
    }

    // Whether nothing but the end comes.
    bool is_at_end()
    {
        while (!ended_ && received_.empty() && receive())
            ;
        return ended_ && received_.empty();
    }

  private:
    static constexpr auto npos = std::string::npos;

    bool receive() // false at the end, or when nothing comes
    {
        pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        if (ended_ || ::poll(&readable, 1, patience_) <= 0)
            return false;
        std::array<char, 16384> bytes;
        auto const count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
        if (count <= 0)
            ended_ = true;
        else
            received_.append(bytes.data(), static_cast<std::size_t>(count));
        return !ended_;
    }

    std::size_t find(std::string_view text, std::size_t from)
    {
        for (;;) {
            if (auto const at = received_.find(text, from); at != npos)
                return at;
            if (!receive())
                return npos;
        }
    }

    static std::optional<std::string> field(std::string head, std::string_view name)
    {
        std::transform(head.begin(), head.end(), head.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        auto const at = head.find("\r\n" + std::string{name} + ":");
        if (at == npos)
            return std::nullopt;
        auto const begin = head.find_first_not_of(' ', at + name.size() + 3);
        return head.substr(begin, head.find("\r\n", begin) - begin);
    }

    bool skip(std::size_t bytes)
    {
        while (received_.size() < bytes)
            if (!receive())
                return false;
        received_.erase(0, bytes);
        return true;
    }

    bool skip_body(std::string const& head)
    {
        if (auto const length = field(head, "content-length"))
            return skip(number(*length, 10));
        if (!field(head, "transfer-encoding")) { // until the connection's end
            while (receive())
                ;
            received_.clear();
            return ended_;
        }
        for (;;) {
            auto const end = find("\r\n", 0);
            if (end == npos)
                return false;
            auto const size = number(received_.substr(0, end), 16);
            received_.erase(0, end + 2);
            if (size > 0 && !skip(size + 2))
                return false;
            if (size == 0)
                return skip(2);
        }
    }

    static std::size_t number(std::string const& text, int base)
    {
        std::size_t value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value, base);
        return value;
    }

    handle socket_;
    int patience_;
    std::string received_;
    bool ended_ = false;
};

// What only a server says of bytes that it does not take for a request.
bool is_refusal(unsigned status)
{
    constexpr std::array refusals{400u, 408u, 413u, 414u, 417u, 431u, 501u, 505u};
    return std::find(refusals.begin(), refusals.end(), status) != refusals.end();
}

std::string wanted(unsigned status)
{
    return status == answered ? "a handler's answer" : std::to_string(status);
}

// Empty when all is well.
std::string wrong_answer(client& with, unsigned expected)
{
    auto const in = with.read();
    if (!in)
        return "no answer came, for " + wanted(expected);
    bool const right = expected == answered ? !is_refusal(in->status) : in->status == expected;
    if (!right)
        return "answered " + std::to_string(in->status) + ", not " + wanted(expected);
    return in->dated ? "" : "an answer has no Date";
}

std::string wrong_with(client& with, row const& sent, site const& of)
{
    with.send(sent.bytes);
    for (unsigned const expected : sent.statuses)
        if (auto wrong = wrong_answer(with, expected); !wrong.empty())
            return wrong;
    if (sent.then == fate::kept) {
        with.send("GET " + of.get + " HTTP/1.1\r\nHost: " + of.host +
                  "\r\nConnection: close\r\n\r\n");
        if (auto const wrong = wrong_answer(with, answered); !wrong.empty())
            return "the connection did not serve another request: " + wrong;
    }
    return with.is_at_end() ? "" : "more came than was asked for, or the connection stays open";
}

handle connected(int family, sockaddr const* to, ::socklen_t size, std::string const& address)
{
    handle made{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!made.is_open() || ::connect(made.get(), to, size) != 0)
        throw std::system_error{errno, std::generic_category(), "cannot connect to " + address};
    return made;
}

connect to_unix(std::string const& address, std::string const& path)
{
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof to.sun_path)
        throw std::invalid_argument{address + ": no path for a unix socket"};
    std::memcpy(to.sun_path, path.data(), path.size());
    return [=] {
        return connected(AF_UNIX, reinterpret_cast<sockaddr const*>(&to), sizeof to, address);
    };
}

} // namespace

connect connections_to(std::string const& address)
{
    if (address.starts_with("unix:"))
        return to_unix(address, address.substr(5));
    auto const colon = address.rfind(':');
    std::uint16_t port = 0;
    auto host = address.substr(0, std::min(colon, address.size()));
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    boost::system::error_code failed;
    auto const numeric = boost::asio::ip::make_address(host, failed);
    if (colon != address.npos)
        std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
    if (failed || port == 0)
        throw std::invalid_argument{address + ": an address is 127.0.0.1:8080, [::1]:8080 or "
                                              "unix:PATH"};
    if (numeric.is_v6()) {
        sockaddr_in6 to{};
        to.sin6_family = AF_INET6;
        to.sin6_port = htons(port);
        auto const bytes = numeric.to_v6().to_bytes();
        std::memcpy(&to.sin6_addr, bytes.data(), bytes.size());
        return [=] {
            return connected(AF_INET6, reinterpret_cast<sockaddr const*>(&to), sizeof to, address);
        };
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(numeric.to_v4().to_uint());
    return [=] {
        return connected(AF_INET, reinterpret_cast<sockaddr const*>(&to), sizeof to, address);
    };
}

std::vector<std::string> failures(connect const& to, std::vector<row> const& rows, site const& of)
{
    std::vector<std::string> found;
    for (auto const& each : rows) {
        client with{to(), of.patience};
        if (auto const wrong = wrong_with(with, each, of); !wrong.empty())
            found.push_back(each.group + ", " + each.name + ": " + wrong);
    }
    return found;
}

std::vector<std::string> failures(std::string const& address, site const& of)
{
    return failures(connections_to(address), table(of), of);
}

} // namespace covey::http::strictness
