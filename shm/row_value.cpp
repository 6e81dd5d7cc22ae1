#include "row_value.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace covey {

row_value row_value::of(std::uint64_t number)
{
    if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return {static_cast<std::int64_t>(number)};
    return {number};
}

row_value const& row_value::operator[](std::string_view wanted) const
{
    static row_value const nothing;
    if (auto const* const members = as<structure>())
        for (auto const& [name, value] : *members)
            if (name == wanted)
                return value;
    return nothing;
}

bool operator==(row_value const& a, row_value const& b)
{
    return a.content == b.content;
}

namespace {

constexpr std::string_view digits = "0123456789abcdef";

// How many bytes the UTF-8 character at the start of `text` takes; 0 when it is none.
std::size_t character_at(std::string_view text)
{
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    std::size_t const length = byte(0) < 0x80             ? 1
                               : (byte(0) & 0xe0) == 0xc0 ? 2
                               : (byte(0) & 0xf0) == 0xe0 ? 3
                               : (byte(0) & 0xf8) == 0xf0 ? 4
                                                          : 0;
    if (length == 0 || length > text.size())
        return 0;
    if (length == 1)
        return 1;
    std::uint32_t code = byte(0) & (0x7fU >> length);
    for (std::size_t i = 1; i != length; ++i) {
        if ((byte(i) & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (byte(i) & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    bool const surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least[length] || code > 0x10ffff || surrogate ? 0 : length;
}

class json_writer
{
  public:
    explicit json_writer(std::string& out)
        : out_{out}
    {}

    void operator()(std::monostate) { out_ += "null"; }
    void operator()(bool is) { out_ += is ? "true" : "false"; }
    void operator()(std::int64_t number) { out_ += std::to_string(number); }
    void operator()(std::uint64_t number) { out_ += std::to_string(number); }
    void operator()(double number)
    {
        if (!std::isfinite(number)) {
            out_ += "null";
            return;
        }
        std::array<char, 32> text;
        auto const end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
        out_.append(text.data(), end);
    }
    void operator()(std::string const& text) { append_json(out_, text); }
    void operator()(row_value::bytes const& bytes)
    {
        out_ += '"';
        for (auto const byte : bytes) {
            out_ += digits[std::to_integer<std::size_t>(byte) >> 4];
            out_ += digits[std::to_integer<std::size_t>(byte) & 15];
        }
        out_ += '"';
    }
    void operator()(row_value::enumerator const& one)
    {
        if (one.name.empty())
            out_ += std::to_string(one.number);
        else
            append_json(out_, one.name);
    }
    void operator()(row_value::list const& values)
    {
        char between = '[';
        for (auto const& value : values) {
            out_ += std::exchange(between, ',');
            std::visit(*this, value.content);
        }
        out_ += values.empty() ? "[]" : "]";
    }
    void operator()(row_value::structure const& members)
    {
        char between = '{';
        for (auto const& [name, value] : members) {
            out_ += std::exchange(between, ',');
            append_json(out_, name);
            out_ += ':';
            std::visit(*this, value.content);
        }
        out_ += members.empty() ? "{}" : "}";
    }

  private:
    std::string& out_;
};

} // namespace

void append_json(std::string& out, std::string_view text)
{
    out += '"';
    while (!text.empty()) {
        auto const length = character_at(text);
        auto const first = static_cast<unsigned char>(text.front());
        if (length == 0)
            out += "\xef\xbf\xbd"; // U+FFFD
        else if (first == '"' || first == '\\')
            out.append({'\\', text.front()});
        else if (first == '\n')
            out += "\\n";
        else if (first < 0x20 || first == 0x7f)
            out.append("\\u00").append({digits[first >> 4], digits[first & 15]});
        else
            out += text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    out += '"';
}

std::string to_json(row_value const& what)
{
    std::string out;
    std::visit(json_writer{out}, what.content);
    return out;
}

} // namespace covey
