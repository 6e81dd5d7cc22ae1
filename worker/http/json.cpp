#include "json.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <cstdint>
#include <variant>

namespace covey::http {

namespace json_library = boost::json;

namespace {

datum as_datum(json_library::value const& from)
{
    switch (from.kind()) {
    case json_library::kind::null:
        break;
    case json_library::kind::bool_:
        return from.get_bool();
    case json_library::kind::int64:
        return from.get_int64();
    case json_library::kind::uint64:
        return from.get_uint64();
    case json_library::kind::double_:
        return from.get_double();
    case json_library::kind::string:
        return std::string{from.get_string()};
    case json_library::kind::array: {
        datum::array items;
        items.reserve(from.get_array().size());
        for (auto const& each : from.get_array())
            items.push_back(as_datum(each));
        return items;
    }
    case json_library::kind::object: {
        datum::map members;
        members.reserve(from.get_object().size());
        for (auto const& each : from.get_object())
            members.emplace_back(datum{std::string{each.key()}}, as_datum(each.value()));
        return members;
    }
    }
    return {};
}

std::string hexadecimal(datum::bytes const& from)
{
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(2 * from.size());
    for (unsigned const byte : from) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

json_library::value as_json_value(datum const& from);

struct to_value
{
    json_library::value operator()(std::monostate) const { return nullptr; }
    json_library::value operator()(bool value) const { return value; }
    json_library::value operator()(std::int64_t value) const { return value; }
    json_library::value operator()(std::uint64_t value) const { return value; }
    json_library::value operator()(double value) const
    {
        // Parentheses: braces would make an array.
        return std::isfinite(value) ? json_library::value(value) : json_library::value(nullptr);
    }
    json_library::value operator()(std::string const& value) const
    {
        return json_library::string{value};
    }
    json_library::value operator()(datum::bytes const& value) const
    {
        return json_library::string{hexadecimal(value)};
    }
    json_library::value operator()(datum::extension const& value) const
    {
        return (*this)(value.content);
    }
    json_library::value operator()(datum::array const& value) const
    {
        json_library::array out;
        out.reserve(value.size());
        for (auto const& each : value)
            out.push_back(as_json_value(each));
        return out;
    }
    json_library::value operator()(datum::map const& value) const
    {
        json_library::object out;
        out.reserve(value.size());
        for (auto const& [key, each] : value) {
            auto const name = key.as<std::string_view>();
            out.insert_or_assign(name ? std::string{*name} : to_text(key), as_json_value(each));
        }
        return out;
    }
};

json_library::value as_json_value(datum const& from)
{
    return from.visit(to_value{});
}

bool is_json(std::string_view type)
{
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t'))
        type.remove_suffix(1);
    std::string small{type};
    for (auto& c : small)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return small == "application/json" || small.ends_with("+json");
}

} // namespace

datum_result<datum> parse_json(std::string_view text)
{
    json_library::stream_parser reading;
    boost::system::error_code failed;
    auto const used = reading.write_some(text.data(), text.size(), failed);
    if (!failed)
        reading.finish(failed); // a number may end with the text
    if (!failed && used == text.size())
        return as_datum(reading.release());
    if (!failed)
        failed = json_library::error::extra_data;
    return datum_error{"it is no JSON: " + failed.message() + " at byte " + std::to_string(used)};
}

std::string to_json_text(datum const& value)
{
    return json_library::serialize(as_json_value(value));
}

datum json_of(request const& asked)
{
    auto const type = asked.header("Content-Type");
    if (!type.empty() && !is_json(type))
        throw failure{415, "the body is " + std::string{type} + ", not application/json"};
    auto parsed = parse_json(asked.body());
    if (!parsed)
        throw failure{400, parsed.error().text};
    return std::move(*parsed);
}

} // namespace covey::http
