// A type's name to its layout, and back.
#include "row_type.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <system_error>

namespace covey {

namespace {

constexpr std::uint64_t bytes_max = 65'536; // a row's limit (row.hpp)
constexpr int depth_max = 32;               // no program nests deeper; a hostile name might

constexpr std::uint64_t aligned(std::uint64_t at, std::uint64_t alignment)
{
    return (at + alignment - 1) / alignment * alignment;
}

class parser
{
  public:
    parser(std::string_view text, std::size_t& at)
        : text_{text}
        , at_{at}
    {}

    row_type type(int depth = 0)
    {
        if (depth == depth_max)
            fail("a type that is not nested deeper than " + std::to_string(depth_max));
        auto out = base(depth);
        for (int wraps = 0;; ++wraps) {
            if (wraps == depth_max)
                fail("a type that is not nested deeper than " + std::to_string(depth_max));
            if (skip("?"))
                out = wrap(row_type::form::optional, 1, std::move(out));
            else if (skip("[.."))
                out = wrap(row_type::form::vector, closed_by(']'), std::move(out));
            else if (skip("["))
                out = wrap(row_type::form::array, closed_by(']'), std::move(out));
            else
                return out;
        }
    }

  private:
    using form = row_type::form;

    [[noreturn]] void fail(std::string const& expected) const
    {
        throw std::invalid_argument{"column " + std::to_string(at_ + 1) + ": expected " + expected};
    }

    bool skip(std::string_view token)
    {
        if (text_.substr(at_, token.size()) != token)
            return false;
        at_ += token.size();
        return true;
    }

    void need(std::string_view token)
    {
        if (!skip(token))
            fail("\"" + std::string{token} + "\"");
    }

    std::uint32_t closed_by(char end)
    {
        std::uint32_t out = 0;
        auto const* const first = text_.data() + at_;
        auto const [last, failed] = std::from_chars(first, text_.data() + text_.size(), out);
        if (failed != std::errc{} || out == 0 || out > bytes_max)
            fail("a number from 1 to " + std::to_string(bytes_max));
        at_ += static_cast<std::size_t>(last - first);
        need({&end, 1});
        return out;
    }

    std::string identifier()
    {
        auto const is_part = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '_';
        };
        auto const rest = text_.substr(at_);
        auto const end = std::find_if_not(rest.begin(), rest.end(), is_part);
        if (end == rest.begin())
            fail("a name");
        auto const length = static_cast<std::size_t>(end - rest.begin());
        at_ += length;
        return std::string{rest.substr(0, length)};
    }

    void keep_small(std::uint64_t bytes) const
    {
        if (bytes > bytes_max)
            fail("a type of at most " + std::to_string(bytes_max) + " bytes");
    }

    row_type scalar()
    {
        struct known
        {
            std::string_view name;
            form kind;
            std::uint32_t size;
        };
        static constexpr known all[] = {
            {"bool", form::boolean, 1}, {"i8", form::integer, 1},  {"i16", form::integer, 2},
            {"i32", form::integer, 4},  {"i64", form::integer, 8}, {"u8", form::natural, 1},
            {"u16", form::natural, 2},  {"u32", form::natural, 4}, {"u64", form::natural, 8},
            {"f32", form::real, 4},     {"f64", form::real, 8}};
        for (auto const& one : all) {
            if (!skip(one.name))
                continue;
            row_type out;
            out.kind = one.kind;
            out.size = out.alignment = one.size;
            return out;
        }
        fail("a type");
    }

    row_type base(int depth)
    {
        if (skip("{"))
            return structure(depth);
        if (skip("enum:"))
            return enumeration();
        if (skip("text<"))
            return characters(form::text);
        if (skip("bytes<"))
            return characters(form::bytes);
        return scalar();
    }

    row_type characters(form kind)
    {
        row_type out;
        out.kind = kind;
        out.extent = closed_by('>');
        out.alignment = 2;
        keep_small(aligned(2 + std::uint64_t{out.extent}, 2));
        out.size = static_cast<std::uint32_t>(aligned(2 + std::uint64_t{out.extent}, 2));
        return out;
    }

    row_type enumeration()
    {
        auto out = scalar();
        if (out.kind == form::real)
            fail("a whole number's type");
        out.underlying = out.kind;
        out.kind = form::enumeration;
        if (!skip("("))
            return out;
        out.extent = 1; // it names its numbers, be they none
        if (skip(")"))
            return out;
        do {
            row_type::enumerator one{.name = identifier()};
            need("=");
            one.number = number(out.underlying);
            out.enumerators.push_back(std::move(one));
        } while (skip(","));
        need(")");
        return out;
    }

    std::int64_t number(form kind)
    {
        auto const* const first = text_.data() + at_;
        auto const* const end = text_.data() + text_.size();
        std::int64_t is_signed = 0;
        std::uint64_t is_unsigned = 0;
        auto const [last, failed] = kind == form::integer
                                        ? std::from_chars(first, end, is_signed)
                                        : std::from_chars(first, end, is_unsigned);
        if (failed != std::errc{})
            fail("a number");
        at_ += static_cast<std::size_t>(last - first);
        return kind == form::integer ? is_signed : static_cast<std::int64_t>(is_unsigned);
    }

    row_type structure(int depth)
    {
        row_type out;
        out.kind = form::structure;
        std::uint64_t end = 0;
        do {
            row_type::member one{.name = identifier(), .offset = 0, .type = {}};
            need(":");
            one.type = type(depth + 1);
            end = aligned(end, one.type.alignment);
            one.offset = static_cast<std::uint32_t>(end);
            end += one.type.size;
            keep_small(end);
            out.alignment = std::max(out.alignment, one.type.alignment);
            out.members.push_back(std::move(one));
        } while (skip(","));
        need("}");
        keep_small(aligned(end, out.alignment));
        out.size = static_cast<std::uint32_t>(aligned(end, out.alignment));
        return out;
    }

    row_type wrap(form kind, std::uint32_t extent, row_type element)
    {
        row_type out;
        out.kind = kind;
        out.extent = extent;
        out.alignment = element.alignment;
        auto bytes = std::uint64_t{element.size} * extent;
        std::uint32_t first = 0;
        if (kind == form::optional)
            bytes += element.alignment; // the value, then whether there is one
        if (kind == form::vector) {
            out.alignment = std::max(element.alignment, std::uint32_t{4}); // a count of 32 bits
            first = out.alignment;
            bytes = aligned(first + bytes, out.alignment);
        }
        keep_small(bytes);
        out.size = static_cast<std::uint32_t>(bytes);
        out.members.push_back({.name = {}, .offset = first, .type = std::move(element)});
        return out;
    }

    std::string_view text_;
    std::size_t& at_;
};

std::string scalar_name(row_type::form kind, std::uint32_t size)
{
    if (kind == row_type::form::boolean)
        return "bool";
    char const* const letter = kind == row_type::form::real      ? "f"
                               : kind == row_type::form::integer ? "i"
                                                                 : "u";
    return letter + std::to_string(size * 8);
}

std::string enumeration_name(row_type const& type)
{
    auto out = "enum:" + scalar_name(type.underlying, type.size);
    if (type.extent == 0)
        return out;
    out += "(";
    for (auto const& one : type.enumerators) {
        out.append(out.back() == '(' ? "" : ",").append(one.name).append("=");
        out += type.underlying == row_type::form::integer
                   ? std::to_string(one.number)
                   : std::to_string(static_cast<std::uint64_t>(one.number));
    }
    return out + ")";
}

} // namespace

row_type row_type::parse(std::string_view text, std::size_t& at)
{
    return parser{text, at}.type();
}

row_type row_type::parse(std::string_view name)
{
    std::size_t at = 0;
    auto out = parse(name, at);
    if (at != name.size())
        throw std::invalid_argument{"column " + std::to_string(at + 1) +
                                    ": expected the end of the type"};
    return out;
}

std::string row_type::name() const
{
    switch (kind) {
    case form::boolean:
    case form::integer:
    case form::natural:
    case form::real:
        return scalar_name(kind, size);
    case form::enumeration:
        return enumeration_name(*this);
    case form::text:
        return "text<" + std::to_string(extent) + ">";
    case form::bytes:
        return "bytes<" + std::to_string(extent) + ">";
    case form::array:
        return element().type.name() + "[" + std::to_string(extent) + "]";
    case form::vector:
        return element().type.name() + "[.." + std::to_string(extent) + "]";
    case form::optional:
        return element().type.name() + "?";
    case form::structure:
        break;
    }
    std::string out = "{";
    for (auto const& one : members)
        out.append(out.size() > 1 ? "," : "").append(one.name).append(":").append(one.type.name());
    return out + "}";
}

row_type::member const& row_type::element() const
{
    return members.front();
}

} // namespace covey
