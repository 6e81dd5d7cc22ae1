// Keys as people write them.
#include "row_type.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <system_error>

namespace covey {

namespace {

using form = row_type::form;

[[noreturn]] void fail(row_type const& type, std::string_view text)
{
    throw std::invalid_argument{"\"" + std::string{text} + "\" is no " + type.name()};
}

template <class Number>
bool parse(std::string_view text, Number& out)
{
    auto const [last, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    return failed == std::errc{} && last == text.data() + text.size();
}

row_value number(row_type const& type, std::string_view text)
{
    std::int64_t small = 0;
    if (parse(text, small))
        return {small};
    std::uint64_t large = 0;
    if (!parse(text, large))
        fail(type, text);
    return row_value::of(large);
}

row_value::bytes hexadecimal(row_type const& type, std::string_view text)
{
    row_value::bytes out;
    if (text.size() % 2 != 0)
        fail(type, text);
    for (std::size_t i = 0; i != text.size(); i += 2) {
        std::uint8_t byte = 0;
        auto const* const first = text.data() + i;
        if (std::from_chars(first, first + 2, byte, 16).ptr != first + 2)
            fail(type, text);
        out.push_back(std::byte{byte});
    }
    return out;
}

// The elements of "[a,b,[c,d]]", as they are written.
std::vector<std::string> elements(row_type const& type, std::string_view text)
{
    if (text.size() < 2 || text.front() != '[' || text.back() != ']')
        fail(type, text);
    std::vector<std::string> out;
    if (text.size() == 2)
        return out;
    int depth = 0;
    out.emplace_back();
    for (std::size_t i = 1; i != text.size() - 1; ++i) {
        auto const c = text[i];
        if (c == '\\' && i + 2 < text.size()) {
            if (depth != 0 || type.element().type.kind == form::array ||
                type.element().type.kind == form::vector)
                out.back() += c; // the element's own elements take it off
            out.back() += text[++i];
            continue;
        }
        depth += c == '[' ? 1 : c == ']' ? -1 : 0;
        if (c == ',' && depth == 0)
            out.emplace_back();
        else
            out.back() += c;
    }
    return out;
}

void append_key(std::string& out, row_value const& key, bool nested)
{
    if (auto const* const values = key.as<row_value::list>()) {
        char between = '[';
        for (auto const& one : *values) {
            out += std::exchange(between, ',');
            append_key(out, one, true);
        }
        out += values->empty() ? "[]" : "]";
        return;
    }
    auto const* const text = key.as<std::string>();
    if (text == nullptr) { // bytes and enumerators without JSON's quotes
        auto shown = to_json(key);
        std::erase(shown, '"');
        out += shown;
        return;
    }
    for (auto const c : *text) {
        if (nested && (c == ',' || c == '[' || c == ']' || c == '\\'))
            out += '\\';
        out += c;
    }
}

} // namespace

row_value row_type::from_text(std::string_view text) const
{
    row_value out;
    switch (kind) {
    case form::boolean:
        if (text != "true" && text != "false")
            fail(*this, text);
        return {text == "true"};
    case form::integer:
    case form::natural:
        out = number(*this, text);
        break;
    case form::enumeration: {
        auto const named = std::find_if(enumerators.begin(), enumerators.end(),
                                        [&](auto const& one) { return one.name == text; });
        if (named != enumerators.end())
            return {row_value::enumerator{.name = named->name, .number = named->number}};
        out = number(*this, text);
        break;
    }
    case form::text:
        out = {std::string{text}};
        break;
    case form::bytes:
        out = {hexadecimal(*this, text)};
        break;
    case form::array:
    case form::vector: {
        row_value::list values;
        for (auto const& one : elements(*this, text))
            values.push_back(element().type.from_text(one));
        if (values.size() > extent || (kind == form::array && values.size() != extent))
            fail(*this, text);
        return {std::move(values)};
    }
    case form::real: // these are no keys
    case form::optional:
    case form::structure:
        fail(*this, text);
    }
    std::vector<std::byte> bytes(size);
    std::string why;
    if (!write(out, bytes.data(), why))
        fail(*this, text);
    return read(bytes.data());
}

std::string row_type::to_text(row_value const& key)
{
    std::string out;
    append_key(out, key, false);
    return out;
}

} // namespace covey
