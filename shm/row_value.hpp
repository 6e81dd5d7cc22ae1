// row_value: a row, a key or a part of one as data, for programs that do not have its type: tools,
// snapshots. A plain value, deep; what a segment holds becomes one by its row_type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace covey {

struct row_value
{
    struct enumerator
    {
        std::string name; // empty when the type does not name the number
        std::int64_t number = 0;
        bool operator==(enumerator const&) const = default;
    };
    using bytes = std::vector<std::byte>;
    using list = std::vector<row_value>; // an array or a vector
    using member = std::pair<std::string, row_value>;
    using structure = std::vector<member>; // in the order of the type

    // Nothing: an optional without a value, a lock that nobody holds. A number is an int64_t if it
    // fits, so that equal numbers are equal data. Text holds any bytes.
    using content_type = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double,
                                      std::string, bytes, enumerator, list, structure>;
    content_type content{};

    static row_value of(std::int64_t number) { return {number}; }
    static row_value of(std::uint64_t number);

    bool is_null() const { return content.index() == 0; }

    template <class T>
    T const* as() const // null when it is something else
    {
        return std::get_if<T>(&content);
    }

    // A structure's member; nothing when there is none of that name.
    row_value const& operator[](std::string_view wanted) const;
};
bool operator==(row_value const& a, row_value const& b);

// On one line. Bytes are hexadecimal digits, an enumerator is its name or else its number, a number
// that is none (NaN, infinity) is null; bytes of a text that are no UTF-8 become U+FFFD.
std::string to_json(row_value const& what);

// Appends the text as a JSON string.
void append_json(std::string& out, std::string_view text);

} // namespace covey
