#include "trace_context.hpp"

#include "message.hpp"
#include "random_hex.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>

namespace covey::http {

namespace {

constexpr std::size_t whole = 55; // of version 00: "vv-", 32 digits, "-", 16, "-", 2

bool is_hex(std::string_view text)
{
    return text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool is_zero(std::string_view text)
{
    return text.find_first_not_of('0') == text.npos;
}

int digit(char hex)
{
    return hex <= '9' ? hex - '0' : hex - 'a' + 10;
}

} // namespace

std::optional<trace_context> trace_context::parse(std::string_view text)
{
    if (text.size() < whole || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return std::nullopt;
    auto const version = text.substr(0, 2);
    auto const trace = text.substr(3, 32);
    auto const parent = text.substr(36, 16);
    auto const flags = text.substr(53, 2);
    if (!is_hex(version) || version == "ff" || !is_hex(trace) || is_zero(trace) ||
        !is_hex(parent) || is_zero(parent) || !is_hex(flags))
        return std::nullopt;
    // A later version may add parts, and 00 has none.
    if (text.size() > whole && (version == "00" || text[whole] != '-'))
        return std::nullopt;
    return trace_context{std::string{trace}, std::string{parent}, (digit(flags[1]) & 1) != 0};
}

trace_context trace_context::root(bool sampled)
{
    return {random_hex(32), random_hex(16), sampled};
}

trace_context trace_context::child() const
{
    return {trace_id, random_hex(16), sampled};
}

std::string trace_context::header() const
{
    return "00-" + trace_id + '-' + parent_id + (sampled ? "-01" : "-00");
}

std::optional<trace_context> request::trace() const
{
    auto const is_it = [](field const& each) {
        return boost::beast::iequals(each.first, "traceparent");
    };
    if (std::count_if(fields.begin(), fields.end(), is_it) != 1)
        return std::nullopt; // two would be two parents
    return trace_context::parse(header("traceparent"));
}

} // namespace covey::http
