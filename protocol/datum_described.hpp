// datum_described: a described struct as a datum, and back.
//
//   struct score { std::string player; std::uint32_t points = 0; };
//   BOOST_DESCRIBE_STRUCT(score, (), (player, points))
//
//   worker.send(covey::to_datum(score{"anna", 3}));              // {"player": "anna", "points": 3}
//   auto const said = covey::from_datum<score>(message.body);    // a result: a score, or why not
//
// A struct is a map with its members' names as keys, its bases' first. Reading never trusts and
// never throws: keys that the struct has not are ignored, the first of a doubled one counts, and
// what is missing or is something else is an error that names it. Members may be bool, integers,
// floating-point numbers, std::string, datum and its parts, described structs, and std::optional
// (nil, or no key at all, is none) and std::vector of these.
#pragma once

#include "datum.hpp"

#include <boost/assert/source_location.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/system/result.hpp>
#include <concepts>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace covey {

// Where and what: "team.scores[2].points is -1, not an integer from 0 to 4294967295".
struct datum_error
{
    std::string text;
};

// What result::value() throws when there is none.
[[noreturn]] inline void throw_exception_from_error(datum_error const& wrong,
                                                    boost::source_location const&)
{
    throw std::invalid_argument{wrong.text};
}

template <class T>
using datum_result = boost::system::result<T, datum_error>;

namespace detail {

template <class T>
concept described = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;

template <class T>
using datum_members = boost::describe::describe_members<T, boost::describe::mod_public |
                                                               boost::describe::mod_inherited>;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// Of anything but bytes and data, which a datum holds as they are.
template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;
template <>
inline constexpr bool is_list<datum::bytes> = false;
template <>
inline constexpr bool is_list<datum::array> = false;
template <>
inline constexpr bool is_list<datum::map> = false;

inline datum const* find(datum::map const& members, std::string_view name)
{
    for (auto const& [key, value] : members)
        if (key.as<std::string_view>() == name)
            return &value;
    return nullptr;
}

template <class T>
std::string wanted()
{
    if constexpr (std::same_as<T, bool>)
        return "a boolean";
    else if constexpr (number<T>)
        return "an integer from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
               std::to_string(std::numeric_limits<T>::max());
    else if constexpr (std::floating_point<T>)
        return "a number";
    else if constexpr (std::same_as<T, std::string>)
        return "a string";
    else if constexpr (std::same_as<T, datum::bytes>)
        return "bytes";
    else if constexpr (std::same_as<T, datum::extension>)
        return "an extension";
    else if constexpr (described<T> || std::same_as<T, datum::map>)
        return "a map";
    else
        return "an array";
}

// `path` is what the datum is called so far; empty for the whole of it. True when all is well,
// else `wrong` says what is not.
template <class T>
bool read(datum const& from, T& into, std::string const& path, std::string& wrong);

template <class T>
bool is_not(datum const& from, std::string const& path, std::string& wrong)
{
    wrong = (path.empty() ? "it" : path) + " is " + to_text(from) + ", not " + wanted<T>();
    return false;
}

template <class T>
bool read_members(datum const& from, T& into, std::string const& path, std::string& wrong)
{
    if (from.what() != datum::type::map)
        return is_not<T>(from, path, wrong);
    bool well = true;
    boost::mp11::mp_for_each<datum_members<T>>([&](auto member) {
        auto& here = into.*member.pointer;
        using type = std::remove_reference_t<decltype(here)>;
        if (!well)
            return;
        auto const name = path.empty() ? std::string{member.name} : path + "." + member.name;
        if (datum const* const value = find(from.members(), member.name)) {
            well = read(*value, here, name, wrong);
            return;
        }
        if constexpr (is_optional<type>) {
            here.reset();
        } else {
            wrong = name + " is missing";
            well = false;
        }
    });
    return well;
}

template <class T>
bool read(datum const& from, T& into, std::string const& path, std::string& wrong)
{
    if constexpr (std::same_as<T, datum>) {
        into = from;
    } else if constexpr (is_optional<T>) {
        into.reset();
        return from.is_nil() || read(from, into.emplace(), path, wrong);
    } else if constexpr (is_list<T>) {
        if (from.what() != datum::type::array)
            return is_not<T>(from, path, wrong);
        into.clear();
        for (auto const& item : from.items()) {
            typename T::value_type one{}; // a vector<bool> has no elements to refer to
            if (!read(item, one, path + "[" + std::to_string(into.size()) + "]", wrong))
                return false;
            into.push_back(std::move(one));
        }
    } else if constexpr (described<T>) {
        return read_members(from, into, path, wrong);
    } else {
        auto value = from.as<T>();
        if (!value)
            return is_not<T>(from, path, wrong);
        into = std::move(*value);
    }
    return true;
}

} // namespace detail

// Of a described struct, or of anything that may be its member.
template <class T>
datum to_datum(T const& value)
{
    if constexpr (detail::is_optional<T>) {
        return value ? to_datum(*value) : datum{};
    } else if constexpr (detail::is_list<T>) {
        datum::array items;
        items.reserve(value.size());
        for (typename T::value_type const& each : value)
            items.push_back(to_datum(each));
        return items;
    } else if constexpr (detail::described<T>) {
        datum::map members;
        boost::mp11::mp_for_each<detail::datum_members<T>>([&](auto member) {
            members.emplace_back(datum{member.name}, to_datum(value.*member.pointer));
        });
        return members;
    } else {
        return value;
    }
}

// The other way round; T is default-constructible.
template <class T>
datum_result<T> from_datum(datum const& from)
{
    T out{};
    std::string wrong;
    if (!detail::read(from, out, {}, wrong))
        return datum_error{std::move(wrong)};
    return out;
}

} // namespace covey
