// datum: any value that msgpack knows: what applications say to each other.
//
//   covey::datum const said = covey::datum::map{{"command", "add"}, {"points", 3}};
//   auto const points = said["points"].as<int>(); // std::optional
//
// A value: copied deep, compared deep, without identity. Reading never trusts: as<T>() gives
// nothing when the datum is something else or a number does not fit, and a member that is missing
// reads as nil.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace covey {

namespace detail {

template <class T>
concept character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;

template <class T>
concept number = std::integral<T> && !std::same_as<T, bool> && !character<T>;

} // namespace detail

class datum
{
  public:
    using bytes = std::vector<unsigned char>;
    using array = std::vector<datum>;
    using member = std::pair<datum, datum>;
    using map = std::vector<member>; // in the order they were said; a key may occur twice

    // An application's own type of value: msgpack gives it a number from -128 to 127.
    struct extension
    {
        std::int8_t type = 0;
        bytes content;
        bool operator==(extension const&) const = default;
    };

    enum class type { nil, boolean, integer, real, string, bytes, array, map, extension };

    datum() = default; // nil
    datum(std::nullptr_t) {}
    template <std::same_as<bool> Bool>
    datum(Bool value)
        : value_{value}
    {}
    template <detail::number Integer>
    datum(Integer value)
    {
        // One form a number, so that equal numbers are equal data.
        if (std::in_range<std::int64_t>(value))
            value_ = static_cast<std::int64_t>(value);
        else
            value_ = static_cast<std::uint64_t>(value);
    }
    template <std::floating_point Real>
    datum(Real value)
        : value_{static_cast<double>(value)}
    {}
    datum(char const* value)
        : value_{std::string{value}}
    {}
    datum(std::string_view value)
        : value_{std::string{value}}
    {}
    datum(std::string value)
        : value_{std::move(value)}
    {}
    datum(bytes value)
        : value_{std::move(value)}
    {}
    datum(array value)
        : value_{std::move(value)}
    {}
    datum(map value)
        : value_{std::move(value)}
    {}
    datum(extension value)
        : value_{std::move(value)}
    {}

    type what() const;
    bool is_nil() const { return value_.index() == 0; }

    // The value, if it is a T: bool; any integer type whose range holds it; double or float (an
    // integer is one as well); std::string; std::string_view, which lives as long as the datum;
    // bytes, array, map, extension.
    template <class T>
    std::optional<T> as() const;

    // An array's or a map's, without a copy; of anything else none.
    array const& items() const;
    map const& members() const;
    std::size_t size() const; // of items, members, or bytes of a string, bytes or extension

    // An array's item and a map's first member of that name; a nil when there is none.
    datum const& operator[](std::size_t at) const;
    datum const& operator[](std::string_view key) const;
    datum const& operator[](char const* key) const { return (*this)[std::string_view{key}]; }
    datum const& operator[](int at) const { return (*this)[static_cast<std::size_t>(at)]; }

    bool operator==(datum const& other) const { return value_ == other.value_; }

    // Calls `visitor` with std::monostate, bool, std::int64_t, std::uint64_t (only above the
    // former's range), double, std::string, bytes, array, map or extension.
    template <class Visitor>
    decltype(auto) visit(Visitor&& visitor) const
    {
        return std::visit(std::forward<Visitor>(visitor), value_);
    }

  private:
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, bytes,
                 array, map, extension>
        value_;
};

// For people, in one line: nearly JSON, cut behind 200 characters.
std::string to_text(datum const& value);

template <class T>
std::optional<T> datum::as() const
{
    if constexpr (detail::number<T>) {
        if (auto const* small = std::get_if<std::int64_t>(&value_))
            return std::in_range<T>(*small) ? std::optional<T>{static_cast<T>(*small)}
                                            : std::nullopt;
        if (auto const* large = std::get_if<std::uint64_t>(&value_))
            return std::in_range<T>(*large) ? std::optional<T>{static_cast<T>(*large)}
                                            : std::nullopt;
        return std::nullopt;
    } else if constexpr (std::floating_point<T>) {
        if (auto const* real = std::get_if<double>(&value_))
            return static_cast<T>(*real);
        if (auto const* small = std::get_if<std::int64_t>(&value_))
            return static_cast<T>(*small);
        if (auto const* large = std::get_if<std::uint64_t>(&value_))
            return static_cast<T>(*large);
        return std::nullopt;
    } else if constexpr (std::same_as<T, std::string_view>) {
        auto const* const text = std::get_if<std::string>(&value_);
        return text ? std::optional<T>{*text} : std::nullopt;
    } else {
        static_assert(std::same_as<T, bool> || std::same_as<T, std::string> ||
                          std::same_as<T, bytes> || std::same_as<T, array> ||
                          std::same_as<T, map> || std::same_as<T, extension>,
                      "a datum is a number, bool, string, bytes, array, map or extension");
        auto const* const same = std::get_if<T>(&value_);
        return same ? std::optional<T>{*same} : std::nullopt;
    }
}

} // namespace covey
