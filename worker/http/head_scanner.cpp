#include "head_scanner.hpp"

namespace covey::http {

namespace {

constexpr denial bad_line{400, flaw::request_line};
constexpr denial no_method{400, flaw::method};
constexpr denial target_too_long{414, limit::target_bytes};
constexpr denial head_too_large{431, limit::head_bytes};

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_http_version(std::string_view text)
{
    return text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' &&
           is_digit(text[7]);
}

} // namespace

head_scanner::result head_scanner::scan(std::string_view bytes)
{
    for (;;) {
        auto const feed = bytes.find('\n', searched_);
        if (feed == bytes.npos) {
            searched_ = bytes.size();
            return {.end = 0, .refusal = judge_unfinished(bytes)};
        }
        if (feed == line_ || bytes[feed - 1] != '\r')
            return {.end = 0, .refusal = {400, flaw::bare_lf}};
        auto const line = bytes.substr(line_, feed - 1 - line_);
        line_ = searched_ = feed + 1;
        if (line_ > bounds_->head_bytes_max && lines_ > 0)
            return {.end = 0, .refusal = head_too_large};
        if (lines_++ == 0) {
            if (auto const refusal = judge_request_line(line))
                return {.end = 0, .refusal = refusal};
            continue;
        }
        if (line.empty())
            return {.end = line_, .refusal = {}};
        // RFC 9112 5.2: a folded line is a way to hide a field from one of two readers.
        if (line.front() == ' ' || line.front() == '\t')
            return {.end = 0, .refusal = {400, flaw::folded}};
        if (lines_ - 1 > bounds_->fields_max)
            return {.end = 0, .refusal = {431, limit::fields}};
    }
}

void head_scanner::reset()
{
    line_ = searched_ = lines_ = 0;
}

denial head_scanner::judge_request_line(std::string_view line) const
{
    auto const first = line.find(' ');
    auto const last = line.rfind(' ');
    if (first != line.npos && first > bounds_->target_bytes_max)
        return no_method; // as for one whose end has not come yet
    if (first == line.npos || first == 0 || first == last ||
        !is_http_version(line.substr(last + 1)))
        return bad_line;
    auto const target = line.substr(first + 1, last - first - 1);
    if (target.size() > bounds_->target_bytes_max)
        return target_too_long;
    if (target.empty() || target.find(' ') != target.npos)
        return bad_line;
    auto const version = line.substr(last + 6);
    return version == "1.1" || version == "1.0" ? denial{} : denial{505, flaw::version};
}

// What can be said before the line's end: that it is too long already.
denial head_scanner::judge_unfinished(std::string_view bytes) const
{
    if (lines_ == 0) {
        auto const space = bytes.find(' ');
        if (space == bytes.npos)
            return bytes.size() > bounds_->target_bytes_max ? no_method : denial{};
        auto const rest = bytes.substr(space + 1);
        if (rest.substr(0, rest.find(' ')).size() > bounds_->target_bytes_max)
            return target_too_long;
        return bytes.size() > bounds_->head_bytes_max ? bad_line : denial{};
    }
    return bytes.size() > bounds_->head_bytes_max ? head_too_large : denial{};
}

} // namespace covey::http
