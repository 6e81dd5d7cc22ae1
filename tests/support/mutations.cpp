#include "mutations.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace covey::test {

namespace {

using namespace std::string_view_literals;

constexpr std::array pieces{"\r"sv,   "\n"sv,   "\r\n"sv, " "sv,  "\t"sv, "\0"sv,       "\v"sv,
                            "\f"sv,   "\x7f"sv, "\x80"sv, ";"sv,  ","sv,  ":"sv,        "\""sv,
                            "\n\n"sv, "\r\r"sv, "0"sv,    "+"sv,  "-"sv,  "\r\n\r\n"sv, "\xff"sv,
                            "x"sv,    "#"sv,    "%0d"sv,  "0x"sv, "_"sv,  "\\"sv};

constexpr std::array lines{
    "Content-Length: 0\r\n"sv,
    "Content-Length: 5\r\n"sv,
    "Content-Length: 5, 5\r\n"sv,
    "Content-Length: +5\r\n"sv,
    "Content-Length: 0x5\r\n"sv,
    "Content-Length: 5 \r\n"sv,
    "Content-Length : 5\r\n"sv,
    "Content-Length:\r\n 5\r\n"sv,
    "Content-Length: 18446744073709551621\r\n"sv,
    "content-length: 40\r\n"sv,
    "Content_Length: 5\r\n"sv,
    "Transfer-Encoding: chunked\r\n"sv,
    "transfer-encoding: CHUNKED\r\n"sv,
    "Transfer-Encoding:\tchunked\t\r\n"sv,
    "Transfer-Encoding : chunked\r\n"sv,
    "Transfer-Encoding: chunked, identity\r\n"sv,
    "Transfer-Encoding: identity\r\n"sv,
    "Transfer-Encoding: xchunked\r\n"sv,
    "Transfer-Encoding: chunked;q=1\r\n"sv,
    "Transfer-Encoding: ,chunked\r\n"sv,
    "Transfer-Encoding:\r\n\tchunked\r\n"sv,
    "Transfer-Encoding: \"chunked\"\r\n"sv,
    "Transfer\0-Encoding: chunked\r\n"sv,
    "X: y\nTransfer-Encoding: chunked\r\n"sv,
    "X: y\rContent-Length: 5\r\n"sv,
    "Host: other\r\n"sv,
    " folded\r\n"sv,
    "\tTransfer-Encoding: chunked\r\n"sv,
    "Expect: 100-continue\r\n"sv,
    "Connection: close\r\n"sv,
    "Connection: Content-Length\r\n"sv,
    "no colon\r\n"sv,
    ": no name\r\n"sv,
    "\r\n"sv,
    "0\r\n\r\n"sv,
    "5\r\nhello\r\n"sv,
    "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"sv,
};

constexpr std::array extensions{";a"sv,  ";a=b"sv,        ";a=\"b;c\""sv, ";"sv,  " ;a"sv, ";a="sv,
                                " "sv,   ";a=\"\r\n\""sv, ";\n"sv,        "\n"sv, "\r"sv,  ";a b"sv,
                                ";;a"sv, ";a=\"\\\"\""sv, ";a=\"b"sv,     "\t"sv};

} // namespace

std::string mutations::request(std::string const& target)
{
    auto const line = [&](auto const* method) {
        return std::string{method} + " " + target + " HTTP/1.1\r\nHost: a\r\n";
    };
    std::string const body(below(40), 'b');
    switch (below(6)) {
    case 0:
        return line("POST") + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    case 1:
        return line("POST") + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    case 2:
        return line("POST") +
               "Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n02\r\nyz\r\n0;c\r\n" +
               "Digest: d\r\n\r\n";
    case 3:
        return line("GET") + "X: y\r\nCookie: a=b; c=d\r\n\r\n";
    default:
        return line("GET") + "\r\n";
    }
}

std::string mutations::pipelined()
{
    auto const name = "/m" + std::to_string(++made_) + "-";
    std::string out;
    auto const count = 2 + below(2);
    for (std::size_t i = 0; i != count; ++i)
        out += request(name + std::to_string(i));
    return out;
}

std::size_t mutations::line_in(std::string const& bytes)
{
    auto const at = bytes.find('\n', below(bytes.size() + 1));
    return at == bytes.npos ? 0 : at + 1;
}

void mutations::mutate(std::string& bytes)
{
    auto const at = below(bytes.size() + 1);
    auto const some = std::min(bytes.size() - at, 1 + below(12));
    switch (below(10)) {
    case 0:
        bytes.insert(at, any(pieces));
        break;
    case 1:
        bytes.erase(at, 1);
        break;
    case 2:
        bytes.erase(at, some);
        break;
    case 3:
        bytes.insert(at, bytes.substr(at, some));
        break;
    case 4: { // a line twice
        auto const begin = line_in(bytes);
        auto const end = bytes.find('\n', begin);
        bytes.insert(begin, bytes.substr(begin, end == bytes.npos ? end : end + 1 - begin));
        break;
    }
    case 5: // a line's end is another one
        if (auto const end = bytes.find("\r\n", at); end != bytes.npos)
            bytes.replace(end, 2,
                          std::array{"\n"sv, "\r"sv, "\r\r\n"sv, "\n\r"sv, " \r\n"sv}[below(5)]);
        break;
    case 6: // in front of a line's end: of a chunk's size, say
        if (auto const end = bytes.find("\r\n", at); end != bytes.npos)
            bytes.insert(end, any(extensions));
        break;
    case 7: // a digit is another one
        for (auto i = at; i != bytes.size(); ++i)
            if (std::isdigit(static_cast<unsigned char>(bytes[i])) != 0) {
                bytes[i] = static_cast<char>('0' + below(10));
                break;
            }
        break;
    default:
        bytes.insert(line_in(bytes), any(lines));
    }
}

std::string mutations::of(std::string bytes)
{
    for (auto left = 1 + below(4); left != 0; --left)
        mutate(bytes);
    return bytes;
}

std::string mutations::spliced(std::string const& one, std::string const& other)
{
    return one.substr(0, below(one.size() + 1)) + other.substr(below(other.size() + 1));
}

} // namespace covey::test
