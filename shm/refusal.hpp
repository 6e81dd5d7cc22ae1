// refusal: what cannot be a row or a key, and what is said of it when it is compiled.
//
// Every type that a row is made of, from the outside in, is asked for its first flaw. So there is
// one sentence, which says what to do instead, and the compiler names the type and all around it.
// That members are described in another order than they lie in is found when a state is made
// (row.hpp).
#pragma once

#include "row.hpp"

#include <atomic>
#include <boost/mp11/list.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace covey {

template <std::size_t N>
struct blob;
template <std::size_t N>
struct string;

namespace detail {

enum class flaw {
    none,
    pointer,
    characters,
    elements,
    plain_array,
    no_elements,
    body,
    time,
    atomic,
    wide,
    one_of_many,
    polymorphic,
    not_bytes,
    undescribed,
    base,
    nothing,
    unmakeable,
    in_part,
    other,
};

// Of types that one would like to put into a row.
template <class T>
inline constexpr flaw known_flaw = flaw::none;
template <class T>
requires(std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T> ||
         std::is_reference_v<T>) inline constexpr flaw known_flaw<T> = flaw::pointer;
template <class Character, class Traits, class Allocator>
inline constexpr flaw known_flaw<std::basic_string<Character, Traits, Allocator>> =
    flaw::characters;
template <class Character, class Traits>
inline constexpr flaw known_flaw<std::basic_string_view<Character, Traits>> = flaw::characters;
template <class T, class Allocator>
inline constexpr flaw known_flaw<std::vector<T, Allocator>> = flaw::elements;
template <class T, std::size_t N>
inline constexpr flaw known_flaw<T[N]> = flaw::plain_array;
template <class T>
inline constexpr flaw known_flaw<std::array<T, 0>> = flaw::no_elements;
template <std::size_t N>
inline constexpr flaw known_flaw<blob<N>> = flaw::body;
template <std::size_t N>
inline constexpr flaw known_flaw<string<N>> = flaw::body;
template <class Number, class Period>
inline constexpr flaw known_flaw<std::chrono::duration<Number, Period>> = flaw::time;
template <class Clock, class Duration>
inline constexpr flaw known_flaw<std::chrono::time_point<Clock, Duration>> = flaw::time;
template <class T>
inline constexpr flaw known_flaw<std::atomic<T>> = flaw::atomic;

// What a type is made of: a described struct of its members.
template <class T>
struct parts_of
{
    static constexpr bool house_type = false;
    template <class Descriptor>
    using type_of = member_type<T, Descriptor>;
    using types =
        boost::mp11::mp_transform<type_of,
                                  boost::mp11::mp_rename<members_of<T>, boost::mp11::mp_list>>;
};
template <class... Parts>
struct house_parts
{
    static constexpr bool house_type = true;
    using types = boost::mp11::mp_list<Parts...>;
};
template <std::size_t N>
struct parts_of<text<N>> : house_parts<>
{};
template <std::size_t N>
struct parts_of<bytes<N>> : house_parts<>
{};
template <class T, std::size_t N>
struct parts_of<std::array<T, N>> : house_parts<T>
{};
template <class T, std::size_t N>
struct parts_of<inplace_vector<T, N>> : house_parts<T>
{};
template <class T>
struct parts_of<std::optional<T>> : house_parts<T>
{};

// Where a struct would end if these were its members, one behind the other.
template <class T, class... Members>
constexpr std::size_t natural_size(boost::mp11::mp_list<Members...>)
{
    std::size_t end = 0;
    ((end = (end + alignof(Members) - 1) / alignof(Members) * alignof(Members) + sizeof(Members)),
     ...);
    return (end + alignof(T) - 1) / alignof(T) * alignof(T);
}

struct anything
{
    template <class T>
    operator T() const; // never called
};

// Whether a struct's braces take so many initialisers: then it has as many members.
template <class T, std::size_t... Number>
constexpr bool takes(std::index_sequence<Number...>)
{
    return requires
    {
        T{(static_cast<void>(Number), anything{})...};
    };
}

template <class T>
constexpr flaw flaw_of();

template <class... Parts>
constexpr bool are_sound(boost::mp11::mp_list<Parts...>);

template <class T>
constexpr flaw flaw_of_struct()
{
    using parts = typename parts_of<T>::types;
    constexpr auto count = boost::mp11::mp_size<parts>::value;
    if constexpr (!boost::describe::has_describe_members<T>::value)
        return std::is_trivially_copyable_v<T> ? flaw::undescribed : flaw::not_bytes;
    else if constexpr (!boost::mp11::mp_empty<boost::describe::describe_bases<
                           T, boost::describe::mod_any_access>>::value)
        return flaw::base;
    else if constexpr (count == 0)
        return flaw::nothing;
    else if constexpr (!are_sound(parts{}))
        return flaw::none; // that part is told
    else if constexpr (!std::is_trivially_copyable_v<T>)
        return flaw::not_bytes;
    else if constexpr (!std::is_default_constructible_v<T>)
        return flaw::unmakeable;
    else if constexpr (natural_size<T>(parts{}) != sizeof(T))
        return flaw::in_part;
    else // one that hides in another's padding
        return std::is_aggregate_v<T> && takes<T>(std::make_index_sequence<count + 1>{})
                   ? flaw::in_part
                   : flaw::none;
}

template <class T>
constexpr flaw flaw_of()
{
    if constexpr (known_flaw<T> != flaw::none)
        return known_flaw<T>;
    else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>)
        return sizeof(T) <= 8 ? flaw::none : flaw::wide;
    else if constexpr (parts_of<T>::house_type)
        return flaw::none;
    else if constexpr (std::is_union_v<T>)
        return flaw::one_of_many;
    else if constexpr (!std::is_class_v<T>)
        return flaw::other;
    else if constexpr (std::is_polymorphic_v<T>)
        return flaw::polymorphic;
    else
        return flaw_of_struct<T>();
}

template <class... Parts>
constexpr bool are_sound(boost::mp11::mp_list<Parts...>)
{
    return ((flaw_of<Parts>() == flaw::none && are_sound(typename parts_of<Parts>::types{})) &&
            ...);
}

template <class... Parts>
constexpr bool check_parts(boost::mp11::mp_list<Parts...>);

// Tells the first flaw of a type, or else those of its parts.
template <class T>
constexpr bool check_part()
{
    constexpr flaw found = flaw_of<T>();
    static_assert(found != flaw::pointer,
                  "a pointer or a reference means nothing in another process: keep what it leads "
                  "to, or the key of the row where that is; characters are a covey::text<N>");
    static_assert(found != flaw::characters,
                  "a std::string has its characters outside of the row: covey::text<N> has up to N "
                  "of them inside, covey::string<N> is the whole row of a map or a value");
    static_assert(found != flaw::elements,
                  "a std::vector has its elements outside of the row: covey::inplace_vector<T, N> "
                  "has up to N of them inside");
    static_assert(found != flaw::plain_array,
                  "an array in a row is a std::array<T, N>, one of characters a covey::text<N>");
    static_assert(found != flaw::no_elements, "an array in a row has at least one element");
    static_assert(found != flaw::body,
                  "a covey::string<N> or covey::blob<N> is the whole row of a map or a value, by "
                  "<covey/shm/blob_map.hpp> or <covey/shm/blob_value.hpp>; elsewhere there is "
                  "covey::text<N> or covey::bytes<N>");
    static_assert(found != flaw::time, "a time or a duration is kept as a number: its count()");
    static_assert(found != flaw::atomic,
                  "nothing in a row is atomic by itself: rows are read and written as a whole, and "
                  "update() changes one under its lock; to count there is covey::counter");
    static_assert(found != flaw::wide, "a number in a row has 8 bytes at most: no long double");
    static_assert(found != flaw::one_of_many,
                  "a union does not tell which of its members there is: a std::optional of each "
                  "does");
    static_assert(found != flaw::polymorphic,
                  "a type with virtual functions holds a pointer that only its own process "
                  "understands");
    static_assert(found != flaw::not_bytes,
                  "a row is copied as bytes, and this type has a destructor, a copy or an "
                  "assignment of its own: make a struct of numbers, covey::text<N>, std::array, "
                  "covey::inplace_vector<T, N> and std::optional");
    static_assert(found != flaw::undescribed,
                  "a struct in a row is described where it is declared, by "
                  "BOOST_DESCRIBE_STRUCT(name, (), (members...)), so that tools can name its "
                  "members");
    static_assert(found != flaw::base, "a struct in a row has no base: make the base a member");
    static_assert(found != flaw::nothing,
                  "a struct in a row has at least one member: for a set of keys take a bool");
    static_assert(found != flaw::unmakeable,
                  "a row has a default constructor: it is made first, then its bytes are read");
    static_assert(found != flaw::in_part,
                  "a struct in a row is described with all of its members, and neither packed nor "
                  "aligned by hand");
    static_assert(found != flaw::other,
                  "a row holds numbers, bool, enums, covey::text<N>, covey::bytes<N>, std::array, "
                  "covey::inplace_vector<T, N> and std::optional of these, or a struct of these");
    if constexpr (found == flaw::none)
        check_parts(typename parts_of<T>::types{});
    return true;
}

template <class... Parts>
constexpr bool check_parts(boost::mp11::mp_list<Parts...>)
{
    return (check_part<Parts>() && ...);
}

template <class T>
constexpr bool check_row()
{
    check_part<T>();
    if constexpr (are_sound(boost::mp11::mp_list<T>{})) {
        static_assert(alignof(T) <= 8, "a row is aligned to 8 bytes at most");
        static_assert(sizeof(T) <= 65'536,
                      "a row has 64 KiB at most: larger ones are a covey::blob<N>");
    }
    return true;
}

template <class T>
constexpr bool check_key()
{
    check_part<T>();
    if constexpr (are_sound(boost::mp11::mp_list<T>{})) {
        static_assert(shared_type<T>::key(),
                      "a key is an integer, an enum, covey::text<N>, covey::bytes<N>, or "
                      "std::array or covey::inplace_vector<T, N> of these: equal keys are equal "
                      "bytes");
        static_assert(sizeof(T) <= 216, "a key has 216 bytes at most: it travels in every change");
    }
    return true;
}

} // namespace detail
} // namespace covey
