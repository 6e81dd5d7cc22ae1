// json: bodies in JSON, and described structs from and to them.
//
//   struct score { std::string player; std::uint32_t points = 0; };
//   BOOST_DESCRIBE_STRUCT(score, (), (player, points))
//
//   worker.post("/scores", [](http::request const& asked) {
//       auto const told = http::from_json<score>(asked);  // or 400: "points is "x", not an integer
//       return http::as_json(told, 201);                  //  from 0 to 4294967295"
//   });
//
// Structs are what protocol/datum_described.hpp says: members by their names, its bases' first;
// std::optional for those that may be missing; std::vector; datum for what is not known before.
// Boost.JSON reads and writes, in json.cpp: a program that includes this needs none.
#pragma once

#include "failure.hpp"
#include "message.hpp"

#include <covey/protocol/datum.hpp>
#include <covey/protocol/datum_described.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace covey::http {

// Strict JSON (RFC 8259), at most 32 deep; of a doubled name the last one counts. Else an error
// that says where: "it is no JSON: syntax error at byte 7".
datum_result<datum> parse_json(std::string_view text);

// In one line. What JSON has not: a number that is none is null; bytes and extensions are strings
// in hexadecimal; a map's key that is no string is its text.
std::string to_json_text(datum const& value);

template <class T>
datum_result<T> parse_json_as(std::string_view text)
{
    auto const parsed = parse_json(text);
    if (!parsed)
        return parsed.error();
    return from_datum<T>(*parsed);
}

// The request's body. Throws failure: 415 when it says that it is no JSON, 400 with what is wrong
// and where: "scores[2].points is "x", not a number".
datum json_of(request const& asked);

template <class T>
T from_json(request const& asked)
{
    auto made = from_datum<T>(json_of(asked));
    if (!made)
        throw failure{400, made.error().text};
    return std::move(*made);
}

template <class T>
std::string to_json(T const& value)
{
    return to_json_text(to_datum(value));
}

template <class T>
response as_json(T const& value, unsigned code = 200)
{
    return json(to_json(value) + "\n", code);
}

} // namespace covey::http
