#include "message.hpp"

#include "percent.hpp"
#include "spare_fields.hpp"

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

} // namespace

std::string_view request::path() const
{
    std::string_view const target = target_text;
    return target.substr(0, target.find('?'));
}

std::string_view request::path(std::string_view name) const
{
    for (auto const& [key, value] : parameters)
        if (key == name)
            return value;
    return {};
}

std::string_view request::header(std::string_view name) const
{
    for (auto const& [key, value] : fields)
        if (beast::iequals(key, beast::string_view{name.data(), name.size()}))
            return value;
    return {};
}

std::optional<std::string> request::query(std::string_view name) const
{
    std::string_view rest = target_text;
    auto const mark = rest.find('?');
    if (mark == rest.npos)
        return std::nullopt;
    rest.remove_prefix(mark + 1);
    while (!rest.empty()) {
        auto const pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        auto const equals = std::min(pair.find('='), pair.size());
        if (percent_decoded(pair.substr(0, equals), plus::is_space) == name)
            return percent_decoded(pair.substr(std::min(equals + 1, pair.size())), plus::is_space);
    }
    return std::nullopt;
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
