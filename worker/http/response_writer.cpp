#include "response_writer.hpp"

#include "byte_set.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/core/string.hpp>
#include <charconv>
#include <cstring>

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

constexpr std::size_t digits_max = 20; // 2^64 has so many

char* put(char* to, std::string_view text)
{
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
}

char* put_number(char* to, std::size_t number)
{
    return std::to_chars(to, to + digits_max, number).ptr;
}

// What a status line and all fields of the handler's take; a few may be left out.
std::size_t most_bytes(response const& made, std::string_view reason)
{
    auto bytes = std::string_view{"HTTP/1.1 999 \r\n"}.size() + reason.size();
    for (auto const& [name, value] : made.fields)
        bytes += name.size() + value.size() + std::string_view{": \r\n"}.size();
    return bytes;
}

char* put_status_line(char* to, unsigned status, std::string_view reason)
{
    if (status == 200) // what nearly every answer begins with
        return put(to, "HTTP/1.1 200 OK\r\n");
    to = put(put_number(put(to, "HTTP/1.1 "), status), " ");
    return put(put(to, reason), "\r\n");
}

// Says whether the handler has dated it.
char* put_fields(char* to, response const& made, bool& dated)
{
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
        to = put(put(put(put(to, name), ": "), value), "\r\n");
    }
    return to;
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
    // The longest that may come behind the fields.
    constexpr auto rest_bytes = std::string_view{"Transfer-Encoding: chunked\r\n"
                                                 "Connection: keep-alive\r\n\r\n"}
                                    .size() +
                                digits_max;
    auto const phrase = made.status == 200 ? std::string_view{"OK"} : reason(made.status);
    auto const date_text = date.now();
    auto const before = out.size();
    out.resize(before + most_bytes(made, phrase) + date_text.size() + rest_bytes);
    auto* const begin = out.data() + before;
    bool dated = false;
    auto* at = put_fields(put_status_line(begin, made.status, phrase), made, dated);
    if (!dated)
        at = put(at, date_text);
    if (frame.chunked)
        at = put(at, "Transfer-Encoding: chunked\r\n");
    else if (has_body(made.status) && !frame.until_close)
        at = put(put_number(put(at, "Content-Length: "), made.body.size()), "\r\n");
    if (!frame.keep_alive || frame.until_close)
        at = put(at, "Connection: close\r\n");
    else if (frame.http_1_0)
        at = put(at, "Connection: keep-alive\r\n");
    at = put(at, "\r\n");
    out.resize(before + static_cast<std::size_t>(at - begin));
    if (has_body(made.status) && !frame.head_only)
        out += made.body;
}

} // namespace covey::http
