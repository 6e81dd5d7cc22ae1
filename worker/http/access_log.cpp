#include "access_log.hpp"

#include <algorithm>
#include <array>
#include <covey/protocol/detail/escape.hpp>
#include <fmt/format.h>
#include <iterator>
#include <utility>

namespace covey::http {

namespace {

// Most of what clients send is to be written as it is, in either form.
bool is_plain(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char byte) {
        return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
    });
}

// Between quotes: nothing that a client sends ends them.
void append_quoted(std::string& out, std::string_view text)
{
    out += '"';
    if (is_plain(text)) {
        out += text;
        out += '"';
        return;
    }
    for (char const byte : log::detail::escape_text(text)) {
        if (byte == '"')
            out += '\\';
        out += byte;
    }
    out += '"';
}

void append_json(std::string& out, std::string_view text)
{
    if (is_plain(text))
        append_quoted(out, text);
    else
        out += log::detail::escape_json(text);
}

// "0.000021": as whole numbers, for a tenth of what a double costs.
void append_seconds(std::string& out, std::chrono::nanoseconds took)
{
    auto const us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    fmt::format_to(std::back_inserter(out), "{}.{:06}", us / 1'000'000, us % 1'000'000);
}

std::string_view or_dash(std::string_view text)
{
    return text.empty() ? "-" : text;
}

std::string_view version_of(access const& one)
{
    return one.http_1_0 ? "HTTP/1.0" : "HTTP/1.1";
}

} // namespace

access_log::access_log(std::string target, log::format form, std::uint32_t seat,
                       std::atomic<std::uint64_t>* dropped)
    : form_{form}
    , seat_{seat}
    , lines_{std::move(target), dropped}
{}

void access_log::write(access const& one)
{
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    if (std::exchange(second_, now.tv_sec) != now.tv_sec)
        begin_second(now.tv_sec);
    line_.clear();
    form_ == log::format::json ? write_json(one, now.tv_nsec / 1'000'000) : write_text(one);
    line_ += '\n';
    lines_.write(line_);
}

void access_log::begin_second(std::time_t second)
{
    std::array<char, 40> text{};
    std::tm parts{};
    ::gmtime_r(&second, &parts);
    auto const size =
        form_ == log::format::json
            ? std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts)
            : std::strftime(text.data(), text.size(), "%d/%b/%Y:%H:%M:%S +0000", &parts);
    time_.assign(text.data(), size);
}

void access_log::write_text(access const& one)
{
    auto const& asked = one.asked;
    auto out = std::back_inserter(line_);
    fmt::format_to(out, "{} - - [{}] ", or_dash(one.client), time_);
    if (asked.method_name.empty()) // refused before that much of it was read
        line_ += "\"-\"";
    else
        append_quoted(
            line_, fmt::format("{} {} {}", asked.method_name, asked.target_text, version_of(one)));
    fmt::format_to(out, " {} {} ", one.status, one.bytes);
    append_quoted(line_, or_dash(asked.header("Referer")));
    line_ += ' ';
    append_quoted(line_, or_dash(asked.header("User-Agent")));
    line_ += ' ';
    append_seconds(line_, one.took);
    fmt::format_to(out, " seat={} id={}", seat_, asked.id());
    if (auto const trace = asked.trace())
        fmt::format_to(out, " trace={}", trace->trace_id);
}

void access_log::write_json(access const& one, long milliseconds)
{
    auto const& asked = one.asked;
    auto out = std::back_inserter(line_);
    auto const add = [&](std::string_view name, std::string_view text) {
        if (text.empty())
            return;
        line_ += ",\"";
        line_ += name;
        line_ += "\":";
        append_json(line_, text);
    };
    fmt::format_to(out, R"({{"time":"{}.{:03}Z","seat":{})", time_, milliseconds, seat_);
    add("client", one.client);
    if (!asked.method_name.empty()) {
        add("method", asked.method_name);
        add("target", asked.target_text);
        add("version", version_of(one));
    }
    fmt::format_to(out, R"(,"status":{},"bytes":{},"seconds":)", one.status, one.bytes);
    append_seconds(line_, one.took);
    add("referer", asked.header("Referer"));
    add("agent", asked.header("User-Agent"));
    add("id", asked.id());
    if (auto const trace = asked.trace())
        add("trace", trace->trace_id);
    line_ += '}';
}

} // namespace covey::http
