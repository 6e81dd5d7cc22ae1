#include "escape.hpp"

#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <iterator>

namespace covey::log::detail {

namespace {

// One character at the front of a text: how many bytes it takes, and whether they are UTF-8.
struct character
{
    std::uint32_t code = 0;
    std::size_t bytes = 1;
    bool valid = false;
};

std::uint32_t byte_at(std::string_view text, std::size_t at)
{
    return static_cast<unsigned char>(text[at]);
}

// RFC 3629: shortest form only, no surrogates, nothing above U+10FFFF.
character front_of(std::string_view text)
{
    std::uint32_t const lead = byte_at(text, 0);
    if (lead < 0x80)
        return {lead, 1, true};
    std::size_t const bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes)
        return {};
    std::uint32_t code = lead & (0x7Fu >> bytes);
    for (std::size_t at = 1; at < bytes; ++at) {
        if ((byte_at(text, at) & 0xC0) != 0x80)
            return {};
        code = code << 6 | (byte_at(text, at) & 0x3F);
    }
    bool const overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
    bool const surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (overlong || surrogate || code > 0x10FFFF)
        return {};
    return {code, bytes, true};
}

bool is_control(std::uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

// Calls write(character, its bytes) for each character of `text`.
template <class Write>
void for_each_character(std::string_view text, Write write)
{
    while (!text.empty()) {
        character const front = front_of(text);
        write(front, text.substr(0, front.bytes));
        text.remove_prefix(front.bytes);
    }
}

} // namespace

std::string escape_text(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for_each_character(text, [&](character const& it, std::string_view bytes) {
        if (!it.valid)
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte_at(bytes, 0));
        else if (it.code == '\n')
            out += "\\n";
        else if (it.code == '\r')
            out += "\\r";
        else if (it.code == '\t')
            out += "\\t";
        else if (is_control(it.code) && it.code < 0x80)
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", it.code);
        else if (is_control(it.code))
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", it.code);
        else
            out += bytes;
    });
    return out;
}

std::string escape_json(std::string_view text)
{
    std::string out;
    out.reserve(text.size() + 2);
    out += '"';
    for_each_character(text, [&](character const& it, std::string_view bytes) {
        if (!it.valid)
            out += "\\ufffd";
        else if (it.code == '"' || it.code == '\\')
            out.append("\\").append(bytes);
        else if (is_control(it.code))
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", it.code);
        else
            out += bytes;
    });
    out += '"';
    return out;
}

} // namespace covey::log::detail
