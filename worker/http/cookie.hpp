// cookie: what a server asks a browser to keep and to send with later requests (RFC 6265bis).
//
//   http::set_cookie(answer, {.name = "theme", .value = "dark", .lives = std::chrono::hours{24}});
//   asked.cookie("theme") // "dark"
//
// The defaults are the careful ones: not for scripts, not for other sites' forms, for TLS only.
#pragma once

#include "message.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace covey::http {

enum class same_site {
    strict, // sent with requests of this site's own pages only
    lax,    // and when a link of another site is followed
    none,   // always; the cookie must be secure
};

struct cookie
{
    std::string name{};
    std::string value{}; // no blanks, quotes, commas, semicolons, backslashes: encode those
    std::string path = "/";
    std::string domain{};                        // empty: this host alone
    std::optional<std::chrono::seconds> lives{}; // Max-Age; none: until the browser is closed
    http::same_site same_site = http::same_site::lax;
    bool http_only = true;
    bool secure = true; // browsers take localhost for secure
};

// Adds a Set-Cookie field. Throws std::invalid_argument for what no browser would keep: a name or
// value with a character that has a meaning, same_site::none without secure, a name that begins
// with __Host- or __Secure- and not what that promises.
void set_cookie(response& to, cookie const& made);

// Has the browser forget it; path and domain as they were set.
void forget_cookie(response& to, cookie made);

} // namespace covey::http
