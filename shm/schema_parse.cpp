// A schema from its text, as a program that has never seen the state reads it out of a segment.
#include "schema.hpp"

#include "blob.hpp"
#include "field_name.hpp"
#include "histogram_scale.hpp"
#include "row_type.hpp"

#include <array>
#include <charconv>
#include <set>
#include <stdexcept>
#include <system_error>

namespace covey {

namespace {

constexpr std::uint32_t key_bytes_max = 216; // row.hpp
constexpr std::string_view expiring = ", expires to make room";

constexpr std::array all_kinds{
    field_kind::counter, field_kind::value,   field_kind::map,       field_kind::gauge,
    field_kind::maximum, field_kind::minimum, field_kind::histogram, field_kind::rate_limiter,
    field_kind::lock,    field_kind::leader,  field_kind::ring,      field_kind::queue,
};

// One line.
class line_parser
{
  public:
    explicit line_parser(std::string_view line)
        : line_{line}
    {}

    field_description field()
    {
        field_description out;
        out.kind = kind();
        out.name = up_to(' ', "a name");
        if (!is_field_name(out.name))
            fail("a name of 1 to 64 of a-z, 0-9 and _");
        if (has_rows(out.kind))
            rows(out);
        else
            words(out);
        if (at_ != line_.size())
            fail("the end of the line");
        return out;
    }

  private:
    [[noreturn]] void fail(std::string const& expected) const
    {
        throw std::invalid_argument{"column " + std::to_string(at_ + 1) + ": expected " + expected};
    }

    bool skip(std::string_view token)
    {
        if (line_.substr(at_, token.size()) != token)
            return false;
        at_ += token.size();
        return true;
    }

    std::string up_to(char end, std::string const& expected)
    {
        auto const stop = line_.find(end, at_);
        if (stop == std::string_view::npos)
            fail(expected);
        std::string out{line_.substr(at_, stop - at_)};
        at_ = stop + 1;
        return out;
    }

    std::uint64_t number()
    {
        std::uint64_t out = 0;
        auto const* const first = line_.data() + at_;
        auto const [last, failed] = std::from_chars(first, line_.data() + line_.size(), out);
        if (failed != std::errc{})
            fail("a number");
        at_ += static_cast<std::size_t>(last - first);
        return out;
    }

    field_kind kind()
    {
        for (auto const one : all_kinds)
            if (skip(std::string{name(one)} + " "))
                return one;
        fail("a kind of field that this version knows");
    }

    // The type that begins here, and its size as bytes in a cell.
    std::string type(std::uint32_t& bytes)
    {
        auto const first = at_;
        bytes = (row_type::parse(line_, at_).size + 7) / 8 * 8;
        return std::string{line_.substr(first, at_ - first)};
    }

    // "string<1024>" or "blob<1024>", if it is one (blob.hpp).
    bool value_of_any_size(field_description& out)
    {
        auto const first = at_;
        if (!skip("string<") && !skip("blob<"))
            return false;
        out.bound = number();
        if (out.bound == 0 || out.bound > detail::body_bound_max || !skip(">"))
            fail("a bound of 1 to " + std::to_string(detail::body_bound_max) + " and \">\"");
        out.row_bytes = 8 * shm::body_words;
        out.row_type = line_.substr(first, at_ - first);
        return true;
    }

    void pool(field_description& out)
    {
        if (out.bound == 0)
            return;
        if (!skip(", room "))
            fail("\", room \"");
        out.room = number();
    }

    void rows(field_description& out)
    {
        if (out.kind != field_kind::value || !value_of_any_size(out))
            out.row_type = type(out.row_bytes);
        if (out.kind == field_kind::map) {
            if (!skip(" -> "))
                fail("\" -> \" and a row's type");
            out.key_type = std::exchange(out.row_type, {});
            out.key_bytes = out.row_bytes;
            if (out.key_bytes > key_bytes_max)
                fail("a key of at most " + std::to_string(key_bytes_max) + " bytes");
            if (!value_of_any_size(out))
                out.row_type = type(out.row_bytes);
        }
        if (out.kind == field_kind::queue)
            out.key_bytes = 8; // the id
        out.capacity = 1;
        if (out.kind == field_kind::value) {
            pool(out);
            return;
        }
        if (!skip(", capacity "))
            fail("\", capacity \"");
        out.capacity = number();
        if (out.kind != field_kind::map)
            return;
        pool(out);
        bool makes_room = skip(expiring);
        out.keep.expires = !makes_room && skip(", expires");
        makes_room = makes_room || skip(expiring);
        if (makes_room)
            out.keep.full = when_full::expire_only;
        else if (skip(", evicts"))
            out.keep.full = when_full::evict;
    }

    void words(field_description& out)
    {
        bool const held = out.kind == field_kind::lock || out.kind == field_kind::leader;
        std::string_view const type = held                                   ? "holder"
                                      : out.kind == field_kind::rate_limiter ? "time"
                                      : out.kind == field_kind::histogram    ? "u64"
                                                                             : "i64";
        if (!skip(type))
            fail("\"" + std::string{type} + "\"");
        out.row_type = type;
        if (out.kind == field_kind::histogram)
            scale(out);
    }

    void scale(field_description& out)
    {
        if (!skip(", "))
            fail("a histogram's scale");
        auto const first = at_;
        auto const parsed = histogram_scale::parse(line_, at_);
        if (!parsed)
            fail("\"up to HIGHEST, 1 to 14 bits\"");
        out.scale = line_.substr(first, at_ - first);
        out.capacity = parsed->buckets();
    }

    std::string_view line_;
    std::size_t at_ = 0;
};

} // namespace

schema schema::parse(std::string_view text)
{
    schema out;
    std::set<std::string> names;
    for (std::size_t number = 1; !text.empty(); ++number) {
        auto const end = text.find('\n');
        auto const line = text.substr(0, end);
        auto const where = "line " + std::to_string(number);
        if (end == std::string_view::npos)
            throw std::invalid_argument{where + ": it does not end"};
        try {
            auto made = line_parser{line}.field();
            if (!names.insert(made.name).second)
                throw std::invalid_argument{"field " + made.name + " is there twice"};
            out.fields.push_back(std::move(made));
        } catch (std::invalid_argument const& failed) {
            throw std::invalid_argument{where + ", " + failed.what()};
        }
        text.remove_prefix(end + 1);
    }
    return out;
}

} // namespace covey
