// trace_context: W3C Trace Context, version 00: which trace a request belongs to. Pure.
//
//   auto const trace = asked.trace();             // what the client said, if it was valid
//   auto const mine = trace ? trace->child() : http::trace_context::root();
//   other.set("traceparent", mine.header());      // and `tracestate` as it came, if it did
//
// What is not valid is treated as absent, as the standard demands. Versions above 00 are read by
// the part that 00 knows. Whether to record what happens is the program's business.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace covey::http {

class request;

struct trace_context
{
    std::string trace_id;  // 32 hexadecimal digits, lower case, not all 0
    std::string parent_id; // 16 of them: the span that the request is part of
    bool sampled = false;  // the caller may have recorded it

    // The value of a `traceparent` field.
    static std::optional<trace_context> parse(std::string_view text);

    // A trace that begins here.
    static trace_context root(bool sampled = false);

    // The same trace, in a new span of this program's.
    trace_context child() const;

    // "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    std::string header() const;

    bool operator==(trace_context const&) const = default;
};

} // namespace covey::http
