#include "exposition.hpp"

#include <fmt/format.h>
#include <iterator>

namespace covey::http {

namespace {

void append_escaped(std::string& out, std::string_view value)
{
    for (char const byte : value) {
        if (byte == '\n') {
            out += "\\n";
            continue;
        }
        if (byte == '\\' || byte == '"')
            out += '\\';
        out += byte;
    }
}

} // namespace

void exposition::family(std::string_view name, std::string_view type, std::string_view help)
{
    family_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void exposition::begin_sample(std::string_view suffix, std::initializer_list<label> labels)
{
    text_ += family_;
    text_ += suffix;
    char before = '{';
    for (auto const& [name, value] : labels) {
        text_ += std::exchange(before, ',');
        text_ += name;
        text_ += "=\"";
        append_escaped(text_, value);
        text_ += '"';
    }
    text_ += before == ',' ? "} " : " ";
}

void exposition::sample(std::string_view suffix, std::initializer_list<label> labels,
                        std::uint64_t value)
{
    begin_sample(suffix, labels);
    fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

void exposition::sample(std::string_view suffix, std::initializer_list<label> labels, double value)
{
    begin_sample(suffix, labels);
    text_ += number(value);
    text_ += '\n';
}

std::string exposition::number(double value)
{
    return fmt::format("{}", value);
}

} // namespace covey::http
