// schema: what a state consists of, as data: names, kinds, types, capacities.
//
// Two processes share a segment only when their schemas are equal, field by field; the fingerprint
// is the hash of the text. Types are named by structure ("i64", "text<32>",
// "{name:text<48>,age:u8}"), never by a compiler's spelling.
#pragma once

#include "retention.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace covey {

enum class field_kind : std::uint8_t {
    counter = 1,
    value = 2,
    map = 3,
    gauge = 4,
    maximum = 5,
    minimum = 6,
    histogram = 7,
    rate_limiter = 8,
    lock = 9,
    leader = 10,
    ring = 11,
    queue = 12,
};
std::string_view name(field_kind kind);

// Rows in cells, each written under a lock.
constexpr bool has_cells(field_kind kind)
{
    return kind == field_kind::value || kind == field_kind::map || kind == field_kind::queue;
}

// Rows with revisions, whose changes are told one by one; the others are words that are sampled.
constexpr bool has_rows(field_kind kind)
{
    return has_cells(kind) || kind == field_kind::ring;
}

struct field_description
{
    std::string name{}; // 1 to 64 of [a-z0-9_]
    field_kind kind{};
    std::string key_type{}; // empty unless the kind has keys
    std::string row_type{};
    std::uint32_t key_bytes = 0;          // at most, as bytes in a cell; a multiple of 8
    std::uint32_t row_bytes = 0;          // as bytes in a cell; a multiple of 8
    std::uint64_t capacity = 0;           // rows, items; of a histogram: buckets
    std::vector<std::uint64_t> initial{}; // a value's first row, as words
    std::string scale{};                  // of a histogram, in the schema's text
    retention keep{};                     // of a map
    std::uint64_t bound = 0;              // of values of any size (blob.hpp): bytes at most; else 0
    std::uint64_t room = 0;               // of those: bytes of their pool
};

struct schema
{
    std::vector<field_description> fields;

    // One line a field: "map scores text<32> -> i64, capacity 10000".
    std::string text() const;
    std::uint64_t fingerprint() const;

    // What text() tells, for programs that have only that: all but the values' first rows. Throws
    // std::invalid_argument that says what was expected at which line and column.
    static schema parse(std::string_view text);
};

} // namespace covey
