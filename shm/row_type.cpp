#include "row_type.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace covey {

namespace {

using form = row_type::form;

template <class T>
T load(std::byte const* from)
{
    T out;
    std::memcpy(&out, from, sizeof out);
    return out;
}

template <class T>
void store(T value, std::byte* into)
{
    std::memcpy(into, &value, sizeof value);
}

std::int64_t load_integer(std::byte const* from, std::uint32_t size)
{
    switch (size) {
    case 1:
        return load<std::int8_t>(from);
    case 2:
        return load<std::int16_t>(from);
    case 4:
        return load<std::int32_t>(from);
    default:
        return load<std::int64_t>(from);
    }
}

std::uint64_t load_natural(std::byte const* from, std::uint32_t size)
{
    std::uint64_t out = 0;
    std::memcpy(&out, from, size); // little endian, as every machine that covey runs on
    return out;
}

row_value read_enumeration(row_type const& type, std::byte const* from)
{
    auto const number = type.underlying == form::integer
                            ? load_integer(from, type.size)
                            : static_cast<std::int64_t>(load_natural(from, type.size));
    auto const named = std::find_if(type.enumerators.begin(), type.enumerators.end(),
                                    [=](auto const& one) { return one.number == number; });
    return {row_value::enumerator{
        .name = named == type.enumerators.end() ? std::string{} : named->name, .number = number}};
}

row_value read_elements(row_type const& type, std::byte const* from, std::uint32_t count)
{
    auto const& element = type.element();
    row_value::list out;
    out.reserve(count);
    for (std::uint32_t i = 0; i != count; ++i)
        out.push_back(element.type.read(from + element.offset + i * element.type.size));
    return {std::move(out)};
}

// ---- writing ----

bool no(std::string& why, std::string sentence)
{
    why = std::move(sentence);
    return false;
}

bool does_not_fit(row_type const& type, row_value const& what, std::string& why)
{
    auto shown = to_json(what);
    if (shown.size() > 40)
        shown.resize(40);
    return no(why, shown + " does not fit " + type.name());
}

struct number_range
{
    std::int64_t least;
    std::uint64_t greatest;
};

number_range range_of(form kind, std::uint32_t size)
{
    auto const bits = size * 8;
    if (kind == form::integer)
        return {std::numeric_limits<std::int64_t>::min() >> (64 - bits),
                (std::uint64_t{1} << (bits - 1)) - 1};
    return {0, std::numeric_limits<std::uint64_t>::max() >> (64 - bits)};
}

bool write_whole(form kind, std::uint32_t size, row_value const& what, std::byte* into)
{
    auto const range = range_of(kind, size);
    std::uint64_t bits = 0;
    if (auto const* const number = what.as<std::int64_t>()) {
        if (*number < range.least ||
            (*number > 0 && static_cast<std::uint64_t>(*number) > range.greatest))
            return false;
        bits = static_cast<std::uint64_t>(*number);
    } else if (auto const* const large = what.as<std::uint64_t>()) {
        if (*large > range.greatest)
            return false;
        bits = *large;
    } else if (auto const* const truth = what.as<bool>())
        bits = *truth ? 1 : 0;
    else if (auto const* const one = what.as<row_value::enumerator>())
        return write_whole(kind, size, row_value::of(one->number), into);
    else
        return false;
    std::memcpy(into, &bits, size);
    return true;
}

bool write_real(row_type const& type, row_value const& what, std::byte* into)
{
    double number = 0;
    if (auto const* const real = what.as<double>())
        number = *real;
    else if (auto const* const whole = what.as<std::int64_t>())
        number = static_cast<double>(*whole);
    else if (auto const* const large = what.as<std::uint64_t>())
        number = static_cast<double>(*large);
    else
        return false;
    if (type.size == sizeof number)
        store(number, into);
    else
        store(static_cast<float>(number), into);
    return true;
}

bool write_enumeration(row_type const& type, row_value const& what, std::byte* into)
{
    auto const* const text = what.as<std::string>();
    auto const* const one = what.as<row_value::enumerator>();
    auto const& name = text ? *text : one ? one->name : std::string{};
    if (name.empty()) // a number, known or not
        return write_whole(type.underlying, type.size, what, into);
    auto const named = std::find_if(type.enumerators.begin(), type.enumerators.end(),
                                    [&](auto const& known) { return known.name == name; });
    if (named == type.enumerators.end())
        return type.enumerators.empty() && one != nullptr &&
               write_whole(type.underlying, type.size, what, into);
    std::memcpy(into, &named->number, type.size);
    return true;
}

bool write_characters(row_type const& type, void const* from, std::size_t count, std::byte* into)
{
    if (count > type.extent)
        return false;
    store(static_cast<std::uint16_t>(count), into);
    if (count != 0) // an empty text may have no place
        std::memcpy(into + sizeof(std::uint16_t), from, count);
    return true;
}

bool write_elements(row_type const& type, row_value::list const& values, std::byte* into,
                    std::string& why)
{
    auto const& element = type.element();
    if (type.kind == form::vector)
        store(static_cast<std::uint32_t>(values.size()), into);
    for (std::size_t i = 0; i != values.size(); ++i)
        if (!element.type.write(values[i], into + element.offset + i * element.type.size, why))
            return no(why, "element " + std::to_string(i) + ": " + why);
    return true;
}

bool write_members(row_type const& type, row_value const& what, std::byte* into, std::string& why)
{
    auto const& given = *what.as<row_value::structure>();
    for (auto const& member : type.members) {
        auto const same = [&](auto const& one) { return one.first == member.name; };
        auto const found = std::find_if(given.begin(), given.end(), same);
        if (found != given.end() && !member.type.write(found->second, into + member.offset, why))
            return no(why, "member " + member.name + ": " + why);
    }
    return true;
}

} // namespace

row_value row_type::read(std::byte const* from) const
{
    switch (kind) {
    case form::boolean:
        return {load<std::uint8_t>(from) != 0};
    case form::integer:
        return {load_integer(from, size)};
    case form::natural:
        return row_value::of(load_natural(from, size));
    case form::real:
        return {size == sizeof(float) ? static_cast<double>(load<float>(from))
                                      : load<double>(from)};
    case form::enumeration:
        return read_enumeration(*this, from);
    case form::text: {
        auto const length = std::min<std::uint32_t>(load<std::uint16_t>(from), extent);
        return {std::string{reinterpret_cast<char const*>(from) + 2, length}};
    }
    case form::bytes: {
        auto const length = std::min<std::uint32_t>(load<std::uint16_t>(from), extent);
        return {row_value::bytes{from + 2, from + 2 + length}};
    }
    case form::array:
        return read_elements(*this, from, extent);
    case form::vector:
        return read_elements(*this, from, std::min(load<std::uint32_t>(from), extent));
    case form::optional:
        return load<std::uint8_t>(from + element().type.size) == 0 ? row_value{}
                                                                   : element().type.read(from);
    case form::structure:
        break;
    }
    row_value::structure out;
    out.reserve(members.size());
    for (auto const& one : members)
        out.emplace_back(one.name, one.type.read(from + one.offset));
    return {std::move(out)};
}

bool row_type::write(row_value const& what, std::byte* into, std::string& why) const
{
    switch (kind) {
    case form::boolean:
        return what.as<bool>() != nullptr && write_whole(kind, 1, what, into)
                   ? true
                   : does_not_fit(*this, what, why);
    case form::integer:
    case form::natural:
        return write_whole(kind, size, what, into) || does_not_fit(*this, what, why);
    case form::real:
        return write_real(*this, what, into) || does_not_fit(*this, what, why);
    case form::enumeration:
        return write_enumeration(*this, what, into) || does_not_fit(*this, what, why);
    case form::text:
        if (auto const* const text = what.as<std::string>())
            return write_characters(*this, text->data(), text->size(), into) ||
                   does_not_fit(*this, what, why);
        break;
    case form::bytes:
        if (auto const* const bytes = what.as<row_value::bytes>())
            return write_characters(*this, bytes->data(), bytes->size(), into) ||
                   does_not_fit(*this, what, why);
        break;
    case form::array:
    case form::vector:
        if (auto const* const values = what.as<row_value::list>(); values != nullptr) {
            if (values->size() > extent)
                return no(why, std::to_string(values->size()) + " elements do not fit " + name());
            return write_elements(*this, *values, into, why);
        }
        break;
    case form::optional:
        if (what.is_null())
            return true;
        into[element().type.size] = std::byte{1};
        return element().type.write(what, into, why);
    case form::structure:
        if (what.as<row_value::structure>() != nullptr)
            return write_members(*this, what, into, why);
        break;
    }
    return does_not_fit(*this, what, why);
}

} // namespace covey
