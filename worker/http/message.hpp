// request and response: what handlers read and return. Plain values; Beast stays in session.cpp.
#pragma once

#include "trace_context.hpp"

#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace covey::http {

class event_sink;     // event_stream.hpp
struct stream_writer; // streams.hpp

// One request. Everything in it lives until the handler's response has been made: for an
// awaitable handler, until its coroutine ends. Made by a session, or by a test (the members are
// public, so a handler can be called without a socket).
class request
{
  public:
    using field = std::pair<std::string, std::string>;

    std::string method_name = "GET";
    std::string target_text = "/"; // as sent, query included
    std::vector<field> fields;     // headers in their order
    std::string body_text;
    std::vector<field> parameters; // the router's {names}, percent-decoded
    std::vector<field> notes;      // what middleware tells handlers

    mutable std::string id_text; // id()'s, once it has been asked for

    std::string_view method() const { return method_name; }
    std::string_view target() const { return target_text; }
    std::string_view path() const;                        // the target before '?', not decoded
    std::string_view path(std::string_view name) const;   // a {name} of the route; empty if none
    std::string_view header(std::string_view name) const; // any case; empty if absent
    std::string_view body() const { return body_text; }

    // What logs call this request: the client's X-Request-Id when that is 1 to 128 of letters,
    // digits and -_.:/+=@, else 32 random hexadecimal digits, made when they are first asked for.
    std::string const& id() const;

    // The trace that it belongs to, if the client says so in a valid way (W3C Trace Context).
    std::optional<trace_context> trace() const;

    std::string_view note(std::string_view name) const; // empty if there is none
    request& note(std::string name, std::string value); // for later middleware and the handler

    // The query's first `name=`, percent-decoded.
    std::optional<std::string> query(std::string_view name) const;
    // Each of them, in their order; those that cannot be decoded are left out.
    std::vector<std::string> queries(std::string_view name) const;

    // The client's first cookie of that name, as it was set (cookie.hpp).
    std::optional<std::string_view> cookie(std::string_view name) const;

    // The whole body as one number: optional '-' (or '+'), digits, nothing else. nullopt otherwise.
    template <class Number>
    std::optional<Number> parse() const
    {
        std::string_view text = body_text;
        if (text.starts_with('+') && text.size() > 1 && text[1] != '-')
            text.remove_prefix(1);
        Number value{};
        auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (failed != std::errc{} || end != text.data() + text.size())
            return std::nullopt;
        return value;
    }
};

// One response. The session adds Date, Content-Length and Connection.
struct response
{
    unsigned status = 200;
    std::vector<request::field> fields;
    std::string body;

    // Set by event_stream::open: the session keeps the connection and writes events to it.
    std::shared_ptr<event_sink> events;

    // Set by streamed(): the body is what it writes.
    std::shared_ptr<stream_writer const> stream;

    std::string_view header(std::string_view name) const; // the first, any case; empty if absent

    response& set(std::string name, std::string value) &
    {
        fields.emplace_back(std::move(name), std::move(value));
        return *this;
    }
    response set(std::string name, std::string value) &&
    {
        fields.emplace_back(std::move(name), std::move(value));
        return std::move(*this);
    }
};

response status(unsigned code); // no body but the reason phrase for 4xx and 5xx
response text(std::string body, unsigned code = 200); // text/plain; charset=utf-8
response html(std::string body, unsigned code = 200);
response json(std::string body, unsigned code = 200);
std::string_view reason(unsigned code); // "Not Found"

} // namespace covey::http
