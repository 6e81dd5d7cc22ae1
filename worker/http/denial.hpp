// denial: why a request is not served: the status it is answered with, and what it met: a limit, or
// a flaw that makes it no request. The metric covey_http_rejected_total{reason} has a label for
// each of both.
#pragma once

#include "limit_hits.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace covey::http {

// What is wrong with bytes that are no request, or with one that is not served as it is written.
enum class flaw : std::uint8_t {
    request_line, // not "METHOD TARGET HTTP/d.d"
    method,       // no token, or without end
    version,      // HTTP, but not 1.0 or 1.1: 505
    connect,      // 501
    target,       // neither a path nor a URL of ours, or with a fragment, userinfo, foreign bytes
    no_host,      // in HTTP/1.1
    hosts,        // more than one
    host,         // no authority
    bare_lf,      // a line that does not end with CRLF
    folded,       // a field in two lines
    field_name,   // no token before a colon
    field_value,  // a control byte
    codings,      // a foreign transfer coding: 501
    chunked,      // not "chunked", once
    chunked_1_0,  // in HTTP/1.0
    coded_length, // a transfer coding and a length
    lengths,      // more than one
    length,       // no number
    chunk,        // of a chunked body: its size, its extensions, its end
    trailer,      // a field that may not be there
    expectation,  // another than 100-continue: 417
    none,         // last; new ones come before it, behind all others (metric_words.hpp)
};
inline constexpr std::size_t flaw_count = static_cast<std::size_t>(flaw::none);

// As in the metric covey_http_rejected_total{reason="bare_lf"}.
std::string_view name(flaw which);

struct denial
{
    unsigned status = 0; // 0: it is served
    limit met = limit::none;
    flaw what = flaw::none;

    constexpr denial() = default;
    constexpr denial(unsigned answer, limit which)
        : status{answer}
        , met{which}
    {}
    constexpr denial(unsigned answer, flaw which)
        : status{answer}
        , what{which}
    {}

    constexpr explicit operator bool() const { return status != 0; }
};

} // namespace covey::http
