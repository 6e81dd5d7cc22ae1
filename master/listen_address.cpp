#include "listen_address.hpp"

#include <charconv>
#include <fmt/format.h>

namespace covey::supervision {

namespace {

bool parse_port(std::string_view digits, std::uint16_t& into)
{
    auto const [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), into);
    return wrong == std::errc{} && !digits.empty() && end == digits.data() + digits.size();
}

std::string parse_unix(std::string_view path, listen_address& into)
{
    if (path.empty())
        return "listen on unix: the path is missing; write unix:/run/NAME.sock";
    if (path.size() > unix_path_bytes_max)
        return fmt::format("listen on unix:{}: the path has {} bytes and may have {}; choose a "
                           "shorter one",
                           path, path.size(), unix_path_bytes_max);
    if (path.find('\0') != std::string_view::npos)
        return "listen on unix: the path has a zero byte in it; choose a path of the file system";
    into = {};
    into.path = path;
    return {};
}

} // namespace

std::string parse(std::string_view text, listen_address& into)
{
    if (text.starts_with("unix:"))
        return parse_unix(text.substr(5), into);
    if (text.starts_with("systemd:")) {
        into = {};
        into.name = text.substr(8);
        return into.is_inherited() ? ""
                                   : "listen on systemd: the name is missing; write the socket "
                                     "unit's FileDescriptorName=, as in systemd:web";
    }

    bool const bracketed = text.starts_with('[');
    auto const close = bracketed ? text.find(']') : std::string_view::npos;
    auto const colon =
        bracketed ? (close == std::string_view::npos ? close : close + 1) : text.rfind(':');
    if (colon == std::string_view::npos || colon >= text.size() || text[colon] != ':')
        return fmt::format("listen on '{}': no port; write HOST:PORT, [V6]:PORT or unix:PATH",
                           text);

    auto const host = bracketed ? text.substr(1, close - 1) : text.substr(0, colon);
    if (host.empty())
        return fmt::format("listen on '{}': no host; write 0.0.0.0{} for every interface", text,
                           text.substr(colon));
    if (!bracketed && host.find(':') != std::string_view::npos)
        return fmt::format("listen on '{}': write an IPv6 address in brackets, [::1]:8080", text);

    std::uint16_t port = 0;
    if (!parse_port(text.substr(colon + 1), port))
        return fmt::format("listen on '{}': the port is not a number from 0 to 65535", text);
    into = {};
    into.host = host;
    into.port = port;
    return {};
}

} // namespace covey::supervision
