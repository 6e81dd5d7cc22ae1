#include "message.hpp"

#include "percent.hpp"
#include "spare_fields.hpp"
#include "streams.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

namespace covey::http {

namespace beast = boost::beast;

namespace {

response with_type(std::string body, unsigned code, char const* type)
{
    response made;
    made.status = code;
    spare_fields::add(made.fields, "Content-Type", type);
    made.body = std::move(body);
    return made;
}

bool is_same(std::string_view left, std::string_view right)
{
    return left == right;
}

bool is_same_in_any_case(std::string_view left, std::string_view right)
{
    return beast::iequals({left.data(), left.size()}, {right.data(), right.size()});
}

std::string_view find(std::vector<request::field> const& among, std::string_view name,
                      bool (*equal)(std::string_view, std::string_view))
{
    for (auto const& [key, value] : among)
        if (equal(key, name))
            return value;
    return {};
}

// visit(name, value), as sent, until it returns false.
template <class Visit>
void each_query(std::string_view target, Visit visit)
{
    auto const mark = target.find('?');
    auto rest = mark == target.npos ? std::string_view{} : target.substr(mark + 1);
    while (!rest.empty()) {
        auto const pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        auto const equals = std::min(pair.find('='), pair.size());
        if (!visit(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size()))))
            return;
    }
}

} // namespace

std::string_view request::path() const
{
    std::string_view const target = target_text;
    return target.substr(0, target.find('?'));
}

std::string_view request::path(std::string_view name) const
{
    return find(parameters, name, is_same);
}

std::string_view request::header(std::string_view name) const
{
    return find(fields, name, is_same_in_any_case);
}

std::string_view response::header(std::string_view name) const
{
    return find(fields, name, is_same_in_any_case);
}

std::string_view request::note(std::string_view name) const
{
    return find(notes, name, is_same);
}

request& request::note(std::string name, std::string value)
{
    for (auto& [key, told] : notes)
        if (key == name) {
            told = std::move(value);
            return *this;
        }
    notes.emplace_back(std::move(name), std::move(value));
    return *this;
}

std::optional<std::string> request::query(std::string_view name) const
{
    std::optional<std::string> first;
    each_query(target_text, [&](std::string_view key, std::string_view value) {
        if (percent_decoded(key, plus::is_space) != name)
            return true;
        first = percent_decoded(value, plus::is_space);
        return false;
    });
    return first;
}

std::vector<std::string> request::queries(std::string_view name) const
{
    std::vector<std::string> all;
    each_query(target_text, [&](std::string_view key, std::string_view value) {
        if (percent_decoded(key, plus::is_space) == name)
            if (auto decoded = percent_decoded(value, plus::is_space))
                all.push_back(std::move(*decoded));
        return true;
    });
    return all;
}

std::string_view reason(unsigned code)
{
    auto const known = beast::http::int_to_status(code);
    if (known == beast::http::status::unknown)
        return {};
    auto const phrase = beast::http::obsolete_reason(known);
    return {phrase.data(), phrase.size()};
}

response status(unsigned code)
{
    if (code < 400) {
        response made;
        made.status = code;
        return made;
    }
    return text(std::string{reason(code)} + "\n", code);
}

response streamed(std::string type, std::function<net::awaitable<void>(response_body&)> write,
                  unsigned code)
{
    response made;
    made.status = code;
    made.set("Content-Type", std::move(type));
    made.stream = std::make_shared<stream_writer const>(stream_writer{std::move(write)});
    return made;
}

response text(std::string body, unsigned code)
{
    return with_type(std::move(body), code, "text/plain; charset=utf-8");
}

response html(std::string body, unsigned code)
{
    return with_type(std::move(body), code, "text/html; charset=utf-8");
}

response json(std::string body, unsigned code)
{
    return with_type(std::move(body), code, "application/json");
}

} // namespace covey::http
