// row: what may be shared, what it is called, and how it becomes words.
//
// Numbers, bool, enums, text<N>, std::array of these, and structs of these that are described with
// BOOST_DESCRIBE_STRUCT. Anything else is refused at compile time.
#pragma once

#include "text.hpp"

#include <array>
#include <boost/describe/bases.hpp>
#include <boost/describe/class.hpp> // BOOST_DESCRIBE_STRUCT, for whoever declares rows
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace covey::detail {

template <class T>
struct shared_type
{
    // A described struct, or nothing that can be shared.
    static constexpr bool described = boost::describe::has_describe_members<T>::value;

    static constexpr bool allowed()
    {
        if constexpr (!described || !std::is_trivially_copyable_v<T> ||
                      !std::is_default_constructible_v<T>)
            return false;
        else {
            bool every = boost::mp11::mp_empty<
                boost::describe::describe_bases<T, boost::describe::mod_any_access>>::value;
            boost::mp11::mp_for_each<members>([&](auto member) {
                every = every && shared_type<member_type<decltype(member)>>::allowed();
            });
            return every;
        }
    }
    static constexpr bool key() { return false; } // padding and floats make equality doubtful
    static void store(T const& value, unsigned char* bytes)
    {
        boost::mp11::mp_for_each<members>([&](auto member) {
            auto const& part = value.*member.pointer;
            auto const offset = reinterpret_cast<unsigned char const*>(&part) -
                                reinterpret_cast<unsigned char const*>(&value);
            shared_type<member_type<decltype(member)>>::store(part, bytes + offset);
        });
    }

    static std::string name()
    {
        std::string out = "{";
        boost::mp11::mp_for_each<members>([&](auto member) {
            if (out.size() > 1)
                out += ",";
            out +=
                std::string{member.name} + ":" + shared_type<member_type<decltype(member)>>::name();
        });
        return out + "}@" + std::to_string(sizeof(T)); // padding counts: two layouts, two names
    }

  private:
    template <class U>
    static auto members_of()
    {
        if constexpr (boost::describe::has_describe_members<U>::value)
            return boost::describe::describe_members<U, boost::describe::mod_any_access>{};
        else
            return boost::mp11::mp_list<>{};
    }
    using members = decltype(members_of<T>());
    template <class Descriptor>
    using member_type = std::remove_cvref_t<decltype(std::declval<T&>().*Descriptor::pointer)>;
};

template <class T>
requires(std::is_arithmetic_v<T>) struct shared_type<T>
{
    static constexpr bool allowed() { return sizeof(T) <= 8; } // no long double
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
    static constexpr bool allowed() { return true; }
    static constexpr bool key() { return true; }
    static void store(T value, unsigned char* bytes) { std::memcpy(bytes, &value, sizeof value); }
    static std::string name() { return "enum:" + shared_type<std::underlying_type_t<T>>::name(); }
};

template <std::size_t N>
struct shared_type<text<N>>
{
    static constexpr bool allowed() { return true; }
    static constexpr bool key() { return true; }
    static void store(text<N> const& value, unsigned char* bytes)
    {
        std::memcpy(bytes, &value, sizeof(std::uint16_t) + N); // an odd N is followed by padding
    }
    static std::string name() { return "text<" + std::to_string(N) + ">"; }
};

template <class T, std::size_t N>
struct shared_type<std::array<T, N>>
{
    static constexpr bool allowed() { return N > 0 && shared_type<T>::allowed(); }
    static constexpr bool key() { return shared_type<T>::key(); }
    static void store(std::array<T, N> const& value, unsigned char* bytes)
    {
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
T from_words(std::uint64_t const* words)
{
    T value;
    std::memcpy(static_cast<void*>(&value), words, sizeof value);
    return value;
}

template <class T>
constexpr void check_row()
{
    static_assert(shared_type<T>::allowed(),
                  "a row holds numbers, bool, enums, covey::text<N>, std::array of these, or a "
                  "struct of these described with BOOST_DESCRIBE_STRUCT; no pointers, references, "
                  "std::string or long double");
    static_assert(alignof(T) <= 8, "a row is aligned to 8 bytes at most");
    static_assert(sizeof(T) <= 65'536, "a row has 64 KiB at most");
}

template <class T>
constexpr void check_key()
{
    check_row<T>();
    static_assert(shared_type<T>::key(),
                  "a key is an integer, an enum, covey::text<N> or std::array of these");
    static_assert(sizeof(T) <= 216, "a key has 216 bytes at most: it travels in every change");
}

} // namespace covey::detail
