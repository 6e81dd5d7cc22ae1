#include "cookie.hpp"

#include "byte_set.hpp"

#include <algorithm>
#include <stdexcept>

namespace covey::http {

namespace {

// RFC 6265's cookie-octet.
bool is_value(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
    });
}

bool is_attribute(std::string_view text)
{
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= 0x20 && c < 0x7f && c != ';'; });
}

void check(cookie const& made)
{
    auto const refuse = [&](char const* what) {
        throw std::invalid_argument{"cookie \"" + made.name + "\": " + what};
    };
    if (!is_token(made.name))
        refuse("a name is letters, digits and !#$%&'*+-.^_`|~");
    if (!is_value(made.value))
        refuse("the value has a blank, quote, comma, semicolon, backslash or other character that "
               "no cookie has; encode it");
    if (!is_attribute(made.path) || !is_attribute(made.domain))
        refuse("path or domain has a semicolon or a control character");
    if (made.same_site == same_site::none && !made.secure)
        refuse("same_site::none is for secure cookies only");
    if (made.name.starts_with("__Secure-") && !made.secure)
        refuse("a name with __Secure- is for secure cookies");
    if (made.name.starts_with("__Host-") &&
        (!made.secure || made.path != "/" || !made.domain.empty()))
        refuse("a name with __Host- is for secure cookies with path \"/\" and no domain");
}

std::string_view name(same_site which)
{
    switch (which) {
    case same_site::strict:
        return "Strict";
    case same_site::lax:
        return "Lax";
    case same_site::none:
        break;
    }
    return "None";
}

} // namespace

void set_cookie(response& to, cookie const& made)
{
    check(made);
    auto line = made.name + "=" + made.value;
    if (!made.path.empty())
        line += "; Path=" + made.path;
    if (!made.domain.empty())
        line += "; Domain=" + made.domain;
    if (made.lives)
        line += "; Max-Age=" + std::to_string(made.lives->count());
    line.append("; SameSite=").append(name(made.same_site));
    if (made.http_only)
        line += "; HttpOnly";
    if (made.secure)
        line += "; Secure";
    to.set("Set-Cookie", std::move(line));
}

void forget_cookie(response& to, cookie made)
{
    made.value.clear();
    made.lives = std::chrono::seconds{0};
    set_cookie(to, made);
}

// Cookies come as "a=1; b=2", in one field or in several (as proxies from HTTP/2 send them).
std::optional<std::string_view> request::cookie(std::string_view name) const
{
    auto const trimmed = [](std::string_view text) {
        auto const first = std::min(text.find_first_not_of(" \t"), text.size());
        text.remove_prefix(first);
        return text.substr(0, text.find_last_not_of(" \t") + 1);
    };
    for (auto const& [key, value] : fields) {
        if (key.size() != 6 || !std::equal(key.begin(), key.end(), "cookie",
                                           [](char a, char b) { return (a | 0x20) == b; }))
            continue;
        for (std::string_view rest = value; !rest.empty();) {
            auto const pair = rest.substr(0, rest.find(';'));
            rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
            auto const equals = pair.find('=');
            if (equals == pair.npos || trimmed(pair.substr(0, equals)) != name)
                continue;
            auto found = trimmed(pair.substr(equals + 1));
            if (found.size() > 1 && found.front() == '"' && found.back() == '"')
                found = found.substr(1, found.size() - 2);
            return found;
        }
    }
    return std::nullopt;
}

} // namespace covey::http
