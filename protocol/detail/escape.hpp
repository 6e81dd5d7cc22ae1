// escape: makes foreign text fit to stand in one line of a log.
//
// What a log prints comes from users, peers and the kernel. No byte of it may end a line, forge
// the next one, drive a terminal or break a JSON reader; well-formed UTF-8 passes unchanged.
#pragma once

#include <string>
#include <string_view>

namespace covey::log::detail {

// For people: control characters become \n, \r, \t or \xHH, C1 controls \u00HH, and each byte that
// is not UTF-8 \xHH.
std::string escape_text(std::string_view text);

// A JSON string with its quotes (RFC 8259); each byte that is not UTF-8 becomes U+FFFD.
std::string escape_json(std::string_view text);

} // namespace covey::log::detail
