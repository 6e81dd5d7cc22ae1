// strict: what a request's head must be before anything acts on it. Pure.
//
// Two readers that see different requests in the same bytes are how requests are smuggled; so
// whatever could be read in two ways is refused, and the connection with it.
#pragma once

#include "denial.hpp"
#include "message.hpp"

#include <optional>
#include <string_view>

namespace covey::http {

// What the parser saw of the fields that decide framing and authority.
struct head_facts
{
    int minor_version = 1;
    unsigned hosts = 0;
    unsigned content_lengths = 0;
    unsigned expectations = 0;
    std::string_view host; // the last one's value, as of the next two
    std::string_view content_length;
    std::string_view expect;
    std::optional<std::string> codings; // every Transfer-Encoding value, joined by commas
};

struct head_verdict
{
    denial refusal;              // none: the request is one
    bool wants_continue = false; // Expect: 100-continue
};

// May rewrite an absolute-form target to its origin form; its authority then becomes the Host
// field, so that a handler sees one authority (RFC 9112 3.2.2).
head_verdict judge(head_facts const& facts, request& head);

} // namespace covey::http
