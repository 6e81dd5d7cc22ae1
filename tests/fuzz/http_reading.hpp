// http_reading: what a request_reader makes of some bytes, all at once or in pieces.
#pragma once

#include "script.hpp"

#include <algorithm>
#include <covey/worker/http/request_reader.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace covey::fuzz {

struct reading
{
    std::vector<http::request> requests;
    std::vector<std::size_t> ends; // where each ended in the bytes
    bool refused = false;
};

// Small, so that small inputs reach them.
inline http::limits small_limits()
{
    http::limits bounds;
    bounds.target_bytes_max = 64;
    bounds.head_bytes_max = 512;
    bounds.fields_max = 8;
    bounds.body_bytes_max = 256;
    bounds.chunk_extension_bytes_max = 32;
    bounds.trailer_bytes_max = 64;
    return bounds;
}

// As a session does it: what the reader leaves is given again, with `piece` bytes more.
inline reading read(http::limits const& bounds, std::string_view bytes, std::size_t piece)
{
    using progress = http::request_reader::progress;
    http::request_reader reader{bounds};
    reading out;
    std::string held;
    std::size_t used = 0;
    for (std::size_t given = 0;;) {
        std::string const now = held; // its own memory, so that asan sees who reads past it
        std::string_view left = now;
        auto const made = reader.read(left);
        used += now.size() - left.size();
        held = left;
        claim(held.size() <= bounds.head_bytes_max + piece + 64, "what waits is bounded");
        if (made == progress::refused) {
            auto const status = reader.refusal().status;
            constexpr unsigned known[] = {400, 413, 414, 417, 431, 501, 505};
            claim(std::find(std::begin(known), std::end(known), status) != std::end(known),
                  "a refusal has a status of its own");
            out.refused = true;
            return out;
        }
        if (made == progress::head) {
            if (reader.limit_body(bounds.body_bytes_max)) {
                out.refused = true;
                return out;
            }
        } else if (made == progress::complete) {
            out.requests.push_back(reader.get());
            out.ends.push_back(used);
            reader.next();
        } else if (given == bytes.size()) {
            return out;
        } else {
            auto const more = bytes.substr(given, piece);
            given += more.size();
            held += more;
        }
    }
}

inline void claim_same(reading const& one, reading const& other)
{
    claim(one.requests.size() == other.requests.size(), "pieces make as many requests");
    claim(one.ends == other.ends, "and each ends where it did");
    // What follows may be refused the earlier in pieces: a reader need not wait for its end.
    for (std::size_t i = 0; i < one.requests.size(); ++i) {
        auto const& a = one.requests[i];
        auto const& b = other.requests[i];
        claim(a.method_name == b.method_name && a.target_text == b.target_text &&
                  a.fields == b.fields && a.body_text == b.body_text,
              "and they are the same");
    }
}

} // namespace covey::fuzz
