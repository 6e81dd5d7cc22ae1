// row_type: what a row or a key consists of, read from its name in the schema.
//
// "{name:text<48>,age:u8}" tells all there is to know: row.hpp lays members out one after the
// other, each aligned to itself, so places and sizes follow from the name, and rows can be read,
// and made, by programs that do not have the type. The name may come from anybody's segment:
// nothing here trusts it, or the bytes of a row.
#pragma once

#include "row_value.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace covey {

struct row_type
{
    enum class form : std::uint8_t {
        boolean,
        integer, // signed
        natural, // unsigned
        real,
        enumeration,
        text,
        bytes,
        array,
        vector,
        optional,
        structure,
    };
    struct member;
    struct enumerator
    {
        std::string name;
        std::int64_t number = 0; // of an unsigned type above INT64_MAX: the same bits
    };

    form kind = form::boolean;
    form underlying = form::natural; // of an enumeration
    std::uint32_t size = 0;          // in bytes
    std::uint32_t alignment = 1;
    std::uint32_t extent = 0;    // text, bytes: bytes at most; array, vector: elements (at most)
    std::vector<member> members; // of an array, vector or optional: one without a name, its element
    std::vector<enumerator> enumerators;

    // Throws std::invalid_argument that says what was expected at which column.
    static row_type parse(std::string_view name);

    // The type whose name begins at `at`, which moves behind it.
    static row_type parse(std::string_view text, std::size_t& at);

    // What was parsed.
    std::string name() const;

    // From `size` bytes as row.hpp lays them out. Lengths that exceed the type's are cut.
    row_value read(std::byte const* from) const;

    // Into `size` bytes that are 0. A structure's members are found by name: one that `what` has
    // not stays 0, one that the type has not is left out; numbers are converted where they fit.
    // False when something does not fit; `why` says what, and the bytes are not to be used.
    bool write(row_value const& what, std::byte* into, std::string& why) const;

    // A key's text: a number, an enumerator's name, a text as it is, bytes as hexadecimal digits;
    // of an array [1,2,3], where a backslash keeps the character behind it from ending an element.
    // Throws std::invalid_argument when the text is no such value.
    row_value from_text(std::string_view text) const;
    static std::string to_text(row_value const& key);

    member const& element() const; // of an array, vector or optional
};

struct row_type::member
{
    std::string name;
    std::uint32_t offset = 0;
    row_type type;
};

} // namespace covey
