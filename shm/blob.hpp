// blob, string: values of any size up to a declared bound, as the rows of a map or a value.
//
// They are names for types of rows, never objects: a program gives and gets std::string and
// std::string_view of a string<N>, std::vector<std::byte> and std::span<std::byte const> of a
// blob<N>. blob_map.hpp and blob_value.hpp have the fields.
#pragma once

#include "field.hpp"
#include "table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace covey {

template <std::size_t N>
struct blob; // of at most N bytes

template <std::size_t N>
struct string; // any bytes, at most N

// How much shared memory a field has for its values, all told: in chunks of 256 bytes, which hold
// 240 each and belong to one value each. A value is written before the one it replaces goes, so
// there must be room for two at their bound.
struct room
{
    std::uint64_t bytes = 0; // 0: for all rows at their bound, and 16 that are being replaced
};

namespace detail {

template <class T>
struct body_type;

template <std::size_t N>
struct body_type<blob<N>>
{
    static constexpr std::size_t bound = N;
    using owned = std::vector<std::byte>;
    using view = std::span<std::byte const>;
    using place = std::span<std::byte>;
    static std::string name() { return "blob<" + std::to_string(N) + ">"; }
};

template <std::size_t N>
struct body_type<string<N>>
{
    static constexpr std::size_t bound = N;
    using owned = std::string;
    using view = std::string_view;
    using place = std::span<char>;
    static std::string name() { return "string<" + std::to_string(N) + ">"; }
};

template <class T>
concept body = requires
{
    body_type<T>::bound;
};

inline constexpr std::size_t body_bound_max = std::size_t{1} << 30;

// The part of a field's description that its values decide.
void describe_body(field_description& into, std::string type, std::size_t bound, room pool);

template <body Body>
void describe_body(field_description& into, room pool)
{
    using type = body_type<Body>;
    static_assert(type::bound > 0 && type::bound <= body_bound_max,
                  "a covey::string<N> or covey::blob<N> has at most 1 to 2^30 bytes");
    describe_body(into, type::name(), type::bound, pool);
}

// Where a value that is read goes: an object that takes its size, ...
template <class Owned>
auto grow(Owned& out)
{
    return [&out](std::size_t bytes) {
        out.resize(bytes);
        return std::as_writable_bytes(std::span{out});
    };
}

// ... or a place of the caller's, and then as much as fits.
template <class Place>
auto fit(Place place, std::size_t& length)
{
    return [place, &length](std::size_t bytes) {
        length = bytes;
        return std::as_writable_bytes(place.first(std::min(bytes, place.size())));
    };
}

template <class Owned>
void assign(Owned& out, std::span<std::byte const> bytes)
{
    std::copy(bytes.begin(), bytes.end(), grow(out)(bytes.size()).begin());
}

template <class Owned>
Owned body_of(std::span<std::byte const> bytes)
{
    Owned out;
    assign(out, bytes);
    return out;
}

template <class View>
std::span<std::byte const> bytes_of(View value)
{
    return std::as_bytes(std::span{value.data(), value.size()});
}

} // namespace detail
} // namespace covey
