#include "talk.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <fmt/format.h>
#include <harness_load.hpp>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>

namespace covey::bench {

namespace {

constexpr std::string_view length_field = "\r\nContent-Length: ";

// Of an answer whose head is `head`: all its bytes.
std::size_t whole_size(std::string_view head)
{
    auto const at = head.find(length_field);
    std::size_t body = 0;
    if (!head.starts_with("HTTP/1.1 200") || at == head.npos ||
        std::from_chars(head.data() + at + length_field.size(), head.data() + head.size(), body)
                .ec != std::errc{})
        throw std::runtime_error{fmt::format("not the answer: '{}'", head)};
    return head.size() + body;
}

} // namespace

std::string kept_request(std::string_view target)
{
    return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
}

talk::talk(std::uint16_t port)
    : socket_{connect_to(port)}
{}

void talk::say(std::string_view request)
{
    if (::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
        throw std::system_error{errno, std::system_category(), "send a request"};
}

unsigned talk::hear()
{
    std::array<char, 16 << 10> buffer;
    auto const got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0)
        throw std::system_error{errno, std::system_category(), "receive an answer"};
    if (got == 0)
        throw std::runtime_error{"the server has closed a connection that was to be kept"};
    heard_.append(buffer.data(), static_cast<std::size_t>(got));
    unsigned whole = 0;
    std::string_view left = heard_;
    for (auto end = left.find("\r\n\r\n"); end != left.npos; end = left.find("\r\n\r\n")) {
        auto const size = whole_size(left.substr(0, end + 4));
        if (left.size() < size)
            break;
        left.remove_prefix(size);
        ++whole;
    }
    heard_.erase(0, heard_.size() - left.size());
    return whole;
}

} // namespace covey::bench
