// row: what may be shared, what it is called, and how it becomes words.
//
// Numbers, bool, enums, text<N>, bytes<N>, std::array, inplace_vector<T, N> and std::optional of
// these, and structs of these that are described with BOOST_DESCRIBE_STRUCT, one in the other.
// Anything else is refused at compile time (refusal.hpp). A type's name tells all of its layout to
// whoever reads a segment without the program's headers: members lie one after the other, each
// aligned to itself.
#pragma once

#include "bytes.hpp"
#include "inplace_vector.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <boost/describe/bases.hpp>
#include <boost/describe/class.hpp> // BOOST_DESCRIBE_STRUCT, for whoever declares rows
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace covey::detail {

// Descriptors of a struct's members, as a list; an empty one of what is not described.
template <class T>
auto described_members()
{
    if constexpr (boost::describe::has_describe_members<T>::value)
        return boost::describe::describe_members<T, boost::describe::mod_any_access>{};
    else
        return boost::mp11::mp_list<>{};
}
template <class T>
using members_of = decltype(described_members<T>());

template <class T, class Descriptor>
using member_type = std::remove_cvref_t<decltype(std::declval<T&>().*Descriptor::pointer)>;

template <class T>
struct shared_type // a described struct
{
    static constexpr bool key() { return false; } // padding and floats make equality doubtful
    static void store(T const& value, unsigned char* bytes)
    {
        boost::mp11::mp_for_each<members_of<T>>([&](auto member) {
            auto const& part = value.*member.pointer;
            auto const offset = reinterpret_cast<unsigned char const*>(&part) -
                                reinterpret_cast<unsigned char const*>(&value);
            shared_type<member_type<T, decltype(member)>>::store(part, bytes + offset);
        });
    }

    // Throws std::invalid_argument when the members do not lie where their types put them: the
    // struct is packed, or a member is not described.
    static std::string name()
    {
        std::string out = "{";
        T const probe{};
        std::size_t end = 0;
        boost::mp11::mp_for_each<members_of<T>>([&](auto member) {
            using type = member_type<T, decltype(member)>;
            if (out.size() > 1)
                out += ",";
            out += std::string{member.name} + ":" + shared_type<type>::name();
            auto const at = reinterpret_cast<unsigned char const*>(&(probe.*member.pointer)) -
                            reinterpret_cast<unsigned char const*>(&probe);
            end = (end + alignof(type) - 1) / alignof(type) * alignof(type);
            if (static_cast<std::size_t>(at) != end)
                throw std::invalid_argument{
                    "a row's member " + std::string{member.name} +
                    " is not behind the one described before it: describe "
                    "all members, in order, of a struct that is not packed"};
            end += sizeof(type);
        });
        if ((end + alignof(T) - 1) / alignof(T) * alignof(T) != sizeof(T))
            throw std::invalid_argument{"a row " + out + "} has more members than are described"};
        return out + "}";
    }
};

template <class T>
requires(std::is_arithmetic_v<T>) struct shared_type<T>
{
    static void store(T value, unsigned char* bytes) { std::memcpy(bytes, &value, sizeof value); }
    static constexpr bool key() { return std::is_integral_v<T>; }
    static std::string name()
    {
        if (std::is_same_v<T, bool>)
            return "bool";
        char const* const kind = std::is_floating_point_v<T> ? "f"
                                 : std::is_signed_v<T>       ? "i"
                                                             : "u";
        return kind + std::to_string(sizeof(T) * 8);
    }
};

template <class T>
requires(std::is_enum_v<T>) struct shared_type<T>
{
    static constexpr bool key() { return true; }
    static void store(T value, unsigned char* bytes) { std::memcpy(bytes, &value, sizeof value); }
    // With its enumerators when they are described (BOOST_DESCRIBE_ENUM).
    static std::string name()
    {
        auto out = "enum:" + shared_type<std::underlying_type_t<T>>::name();
        if constexpr (boost::describe::has_describe_enumerators<T>::value) {
            out += "(";
            boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto one) {
                out += (out.back() == '(' ? "" : ",") + std::string{one.name} + "=" +
                       std::to_string(static_cast<std::underlying_type_t<T>>(one.value));
            });
            out += ")";
        }
        return out;
    }
};

template <std::size_t N>
struct shared_type<text<N>>
{
    static constexpr bool key() { return true; }
    static void store(text<N> const& value, unsigned char* bytes)
    {
        std::memcpy(bytes, &value, sizeof(std::uint16_t) + N); // an odd N is followed by padding
    }
    static std::string name() { return "text<" + std::to_string(N) + ">"; }
};

template <std::size_t N>
struct shared_type<bytes<N>>
{
    static constexpr bool key() { return true; }
    static void store(bytes<N> const& value, unsigned char* bytes)
    {
        std::memcpy(bytes, &value, sizeof(std::uint16_t) + N);
    }
    static std::string name() { return "bytes<" + std::to_string(N) + ">"; }
};

template <class T, std::size_t N>
struct shared_type<inplace_vector<T, N>>
{
    static constexpr bool key() { return shared_type<T>::key(); }
    static void store(inplace_vector<T, N> const& value, unsigned char* bytes)
    {
        auto const size = static_cast<std::uint32_t>(value.size());
        std::memcpy(bytes, &size, sizeof size);
        constexpr auto first = std::max(sizeof size, alignof(T)); // both are powers of two
        for (std::size_t i = 0; i != size; ++i)
            shared_type<T>::store(value[i], bytes + first + i * sizeof(T));
    }
    static std::string name() { return shared_type<T>::name() + "[.." + std::to_string(N) + "]"; }
};

template <class T>
struct shared_type<std::optional<T>>
{
    static constexpr bool key() { return false; }
    // The value, then whether there is one: so the standard libraries lay it out.
    static void store(std::optional<T> const& value, unsigned char* bytes)
    {
        static_assert(sizeof(std::optional<T>) == sizeof(T) + alignof(T));
        if (value)
            shared_type<T>::store(*value, bytes);
        bytes[sizeof(T)] = value ? 1 : 0;
    }
    static std::string name() { return shared_type<T>::name() + "?"; }
};

template <class T, std::size_t N>
struct shared_type<std::array<T, N>>
{
    static constexpr bool key() { return shared_type<T>::key(); }
    static void store(std::array<T, N> const& value, unsigned char* bytes)
    {
        if constexpr (std::is_arithmetic_v<T>)
            std::memcpy(bytes, value.data(), sizeof value);
        else
            for (std::size_t i = 0; i != N; ++i)
                shared_type<T>::store(value[i], bytes + i * sizeof(T));
    }
    static std::string name() { return shared_type<T>::name() + "[" + std::to_string(N) + "]"; }
};

template <class T>
inline constexpr std::size_t words_of = (sizeof(T) + 7) / 8;

// The value's bytes, padding and the last word's rest zero: no byte of a stack leaks into shared
// memory, and equal values are equal words. Member by member, for clang has no builtin for it.
template <class T>
void to_words(T const& value, std::uint64_t* words)
{
    std::memset(words, 0, words_of<T> * sizeof *words);
    shared_type<T>::store(value, reinterpret_cast<unsigned char*>(words));
}

template <class T>
std::array<std::uint64_t, words_of<T>> as_words(T const& value)
{
    std::array<std::uint64_t, words_of<T>> out;
    to_words(value, out.data());
    return out;
}

template <class T>
void read_words(T& into, std::uint64_t const* words)
{
    std::memcpy(static_cast<void*>(&into), words, sizeof into);
}

template <class T>
T from_words(std::uint64_t const* words)
{
    T value;
    read_words(value, words);
    return value;
}

} // namespace covey::detail
