#include "response_writer.hpp"

#include "byte_set.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/core/string.hpp>
#include <charconv>

namespace covey::http {

namespace beast = boost::beast;

namespace {

// The fields that are the session's own affair.
enum class framing { none, content_length, transfer_encoding, connection, date };

framing is_named(std::string_view name, std::string_view known, framing which)
{
    return beast::iequals({name.data(), name.size()}, {known.data(), known.size()}) ? which
                                                                                    : framing::none;
}

framing framing_of(std::string_view name)
{
    switch (name.size()) { // tells them apart
    case 4:
        return is_named(name, "Date", framing::date);
    case 10:
        return is_named(name, "Connection", framing::connection);
    case 14:
        return is_named(name, "Content-Length", framing::content_length);
    case 17:
        return is_named(name, "Transfer-Encoding", framing::transfer_encoding);
    default:
        return framing::none;
    }
}

void append_number(std::string& out, std::size_t number)
{
    std::array<char, 20> digits; // 2^64 has 20
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_status_line(std::string& out, unsigned status)
{
    if (status == 200) { // what nearly every answer begins with
        out += "HTTP/1.1 200 OK\r\n";
        return;
    }
    out += "HTTP/1.1 ";
    append_number(out, status);
    out += ' ';
    out += reason(status);
    out += "\r\n";
}

} // namespace

std::string_view date_line::now()
{
    timespec at{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &at); // from the vdso: no system call
    if (at.tv_sec != second_) {
        second_ = at.tv_sec;
        std::tm parts{};
        ::gmtime_r(&second_, &parts);
        std::array<char, 48> line;
        // The C locale is the process's until a program sets another; names of days must not move.
        static constexpr char const* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static constexpr char const* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        auto const size =
            std::snprintf(line.data(), line.size(), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                          days[parts.tm_wday], parts.tm_mday, months[parts.tm_mon],
                          parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
        text_.assign(line.data(), static_cast<std::size_t>(size));
    }
    return text_;
}

bool has_body(unsigned status)
{
    return status != 204 && status != 304;
}

void append_chunk(std::string& out, std::string_view bytes)
{
    std::array<char, 16> hexadecimal;
    auto const end = std::to_chars(hexadecimal.data(), hexadecimal.data() + hexadecimal.size(),
                                   bytes.size(), 16);
    out.append(hexadecimal.data(), end.ptr);
    out.append("\r\n").append(bytes).append("\r\n");
}

bool is_sendable(response const& made)
{
    return made.status >= 200 && made.status <= 999 &&
           std::all_of(made.fields.begin(), made.fields.end(), [](request::field const& field) {
               auto const& [name, value] = field;
               return !name.empty() && token_bytes.has_all(name) && value_bytes.has_all(value);
           });
}

bool asks_to_close(response const& made)
{
    return std::any_of(made.fields.begin(), made.fields.end(), [](request::field const& field) {
        return framing_of(field.first) == framing::connection &&
               beast::iequals(field.second, "close");
    });
}

void append(std::string& out, response const& made, response_frame const& frame, date_line& date)
{
    append_status_line(out, made.status);
    bool dated = false;
    for (auto const& [name, value] : made.fields) {
        switch (framing_of(name)) {
        case framing::content_length:
        case framing::transfer_encoding:
        case framing::connection:
            continue;
        case framing::date:
            dated = true;
            break;
        case framing::none:
            break;
        }
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    }
    if (!dated)
        out += date.now();
    if (frame.chunked) {
        out += "Transfer-Encoding: chunked\r\n";
    } else if (has_body(made.status) && !frame.until_close) {
        out += "Content-Length: ";
        append_number(out, made.body.size());
        out += "\r\n";
    }
    if (!frame.keep_alive || frame.until_close)
        out += "Connection: close\r\n";
    else if (frame.http_1_0)
        out += "Connection: keep-alive\r\n";
    out += "\r\n";
    if (has_body(made.status) && !frame.head_only)
        out += made.body;
}

} // namespace covey::http
