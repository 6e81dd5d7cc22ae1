#include "response_writer.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/field.hpp>
#include <charconv>

namespace covey::http {

namespace beast = boost::beast;

namespace {

bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

bool is_value_char(char c)
{
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

beast::http::field id(std::string_view name)
{
    return beast::http::string_to_field({name.data(), name.size()});
}

bool has_body(unsigned status)
{
    return status != 204 && status != 304;
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

bool is_sendable(response const& made)
{
    return made.status >= 200 && made.status <= 999 &&
           std::all_of(made.fields.begin(), made.fields.end(), [](request::field const& field) {
               auto const& [name, value] = field;
               return !name.empty() && std::all_of(name.begin(), name.end(), is_token_char) &&
                      std::all_of(value.begin(), value.end(), is_value_char);
           });
}

bool asks_to_close(response const& made)
{
    return std::any_of(made.fields.begin(), made.fields.end(), [](request::field const& field) {
        return id(field.first) == beast::http::field::connection &&
               beast::iequals(field.second, "close");
    });
}

void append(std::string& out, response const& made, response_frame const& frame, date_line& date)
{
    append_status_line(out, made.status);
    bool dated = false;
    for (auto const& [name, value] : made.fields) {
        switch (id(name)) {
        case beast::http::field::content_length:
        case beast::http::field::transfer_encoding:
        case beast::http::field::connection:
            continue;
        case beast::http::field::date:
            dated = true;
            break;
        default:
            break;
        }
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    }
    if (!dated)
        out += date.now();
    if (has_body(made.status) && !frame.until_close) {
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
