#include "datum.hpp"

#include "detail/escape.hpp"

#include <array>
#include <fmt/format.h>
#include <iterator>

namespace covey {

namespace {

constexpr std::size_t text_max = 200;

template <class... Calls>
struct overloaded : Calls...
{
    using Calls::operator()...;
};
template <class... Calls>
overloaded(Calls...) -> overloaded<Calls...>; // clang 14 does not deduce an aggregate

// Writes until there is enough to cut.
class writer
{
  public:
    void write(datum const& value)
    {
        value.visit(overloaded{
            [this](std::monostate) { out += "nil"; },
            [this](bool is) { out += is ? "true" : "false"; },
            [this](std::int64_t number) { fmt::format_to(std::back_inserter(out), "{}", number); },
            [this](std::uint64_t number) { fmt::format_to(std::back_inserter(out), "{}", number); },
            [this](double number) { fmt::format_to(std::back_inserter(out), "{}", number); },
            [this](std::string const& text) {
                // A byte may become six characters; no more of it will be seen.
                out += log::detail::escape_json(std::string_view{text}.substr(0, text_max));
            },
            [this](datum::bytes const& bytes) { write_size("bytes", bytes.size()); },
            [this](datum::extension const& own) { write_size("extension", own.content.size()); },
            [this](datum::array const& items) {
                write_list(
                    '[', items, [this](datum const& item) { write(item); }, ']');
            },
            [this](datum::map const& members) {
                auto const write_member = [this](datum::member const& member) {
                    write(member.first);
                    out += ": ";
                    write(member.second);
                };
                write_list('{', members, write_member, '}');
            },
        });
    }

    std::string out;

  private:
    void write_size(char const* what, std::size_t size)
    {
        fmt::format_to(std::back_inserter(out), "<{} {}>", size, what);
    }

    template <class List, class Write>
    void write_list(char open, List const& list, Write write_one, char close)
    {
        out += open;
        char const* between = "";
        for (auto const& each : list) {
            if (out.size() > text_max)
                return;
            out += between;
            between = ", ";
            write_one(each);
        }
        out += close;
    }
};

} // namespace

datum::type datum::what() const
{
    static constexpr std::array<type, 10> types{
        type::nil,    type::boolean, type::integer, type::integer, type::real,
        type::string, type::bytes,   type::array,   type::map,     type::extension};
    return types[value_.index()];
}

datum::array const& datum::items() const
{
    static array const none;
    auto const* const here = std::get_if<array>(&value_);
    return here ? *here : none;
}

datum::map const& datum::members() const
{
    static map const none;
    auto const* const here = std::get_if<map>(&value_);
    return here ? *here : none;
}

std::size_t datum::size() const
{
    return visit(overloaded{
        [](auto) { return std::size_t{0}; },
        [](std::string const& text) { return text.size(); },
        [](bytes const& raw) { return raw.size(); },
        [](extension const& own) { return own.content.size(); },
        [](array const& items) { return items.size(); },
        [](map const& members) { return members.size(); },
    });
}

namespace {

datum const nothing;

} // namespace

datum const& datum::operator[](std::size_t at) const
{
    array const& all = items();
    return at < all.size() ? all[at] : nothing;
}

datum const& datum::operator[](std::string_view key) const
{
    for (auto const& [name, value] : members())
        if (name.as<std::string_view>() == key)
            return value;
    return nothing;
}

std::string to_text(datum const& value)
{
    writer to;
    to.write(value);
    if (to.out.size() > text_max) {
        std::size_t end = text_max; // not inside a character
        while (end > 0 && (static_cast<unsigned char>(to.out[end]) & 0xC0) == 0x80)
            --end;
        to.out.resize(end);
        to.out += "...";
    }
    return std::move(to.out);
}

} // namespace covey
