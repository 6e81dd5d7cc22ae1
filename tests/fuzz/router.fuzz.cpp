// Routes and a path: what is found is what looking at every pattern finds.
//
//   u8 count of patterns (modulo 8), for each: u8 method, u8 segments (modulo 4), u8 each of them;
//   u8 method; then the path
#include "script.hpp"

#include <covey/worker/http/percent.hpp>
#include <covey/worker/http/router.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace covey;
using covey::fuzz::claim;
using covey::fuzz::script;

namespace {

using segments = std::vector<std::string>;

struct pattern
{
    std::string method;
    segments parts; // "a", "" or "{x}"; at last "{x...}"
    std::size_t id = 0;
};

std::string method_of(std::uint8_t byte)
{
    static constexpr char const* methods[] = {"GET", "PUT", "*", "HEAD"};
    return methods[byte % 4];
}

pattern pattern_of(script& input, std::size_t id)
{
    static constexpr char const* words[] = {"a", "b", "", "%", "{x}", "{y}", "{z...}", "a"};
    pattern made{method_of(input.byte()), {}, id};
    auto const count = 1 + input.byte() % 4;
    for (int i = 0; i < count; ++i) {
        made.parts.emplace_back(words[input.byte() % 8]);
        if (made.parts.back() == "{z...}")
            break;
    }
    return made;
}

std::string text_of(pattern const& from)
{
    std::string out;
    for (auto const& part : from.parts)
        out += "/" + part;
    return out;
}

segments split(std::string_view path)
{
    segments out;
    for (path.remove_prefix(1);;) {
        auto const slash = path.find('/');
        out.emplace_back(path.substr(0, slash));
        if (slash == path.npos)
            return out;
        path.remove_prefix(slash + 1);
    }
}

// 0 a literal, 1 a name, 2 the rest, for each segment; nothing when it does not match.
std::optional<std::vector<int>> rank(pattern const& with, segments const& path)
{
    std::vector<int> out;
    for (std::size_t i = 0;; ++i) {
        if (i == path.size() || i == with.parts.size())
            return i == path.size() && i == with.parts.size() ? std::optional{out} : std::nullopt;
        auto const& part = with.parts[i];
        auto const said = http::percent_decoded(path[i]);
        if (!said)
            return std::nullopt;
        if (part == "{z...}") {
            for (auto rest = i; rest != path.size(); ++rest)
                if (!http::percent_decoded(path[rest]))
                    return std::nullopt;
            out.push_back(2);
            return out;
        }
        bool const name = part.starts_with('{');
        if (name ? said->empty() : *said != part)
            return std::nullopt;
        out.push_back(name ? 1 : 0);
    }
}

// Patterns that the router takes for one: names do not matter.
std::string place_of(pattern const& of)
{
    std::string out;
    for (auto const& part : of.parts)
        out += part == "{z...}" ? "/{...}" : part.starts_with('{') ? "/{}" : "/" + part;
    return out;
}

// Of the patterns of one place the method itself is taken first, GET for HEAD, then "*".
bool takes(std::vector<pattern> const& all, pattern const& one, std::string const& method)
{
    auto const is_there = [&](std::string const& wanted) {
        for (auto const& each : all)
            if (each.method == wanted && place_of(each) == place_of(one))
                return true;
        return false;
    };
    if (one.method == method)
        return true;
    if (method == "HEAD" && one.method == "GET")
        return !is_there("HEAD");
    return one.method == "*" && !is_there(method) && !(method == "HEAD" && is_there("GET"));
}

struct expected
{
    unsigned status = 404;
    std::size_t id = 0;
};

expected look(std::vector<pattern> const& all, std::string const& method, std::string_view path)
{
    expected out;
    std::optional<std::vector<int>> best;
    auto const parts = split(path);
    for (auto const& each : all) {
        auto const fits = rank(each, parts);
        if (!fits)
            continue;
        if (!takes(all, each, method)) {
            if (!best)
                out.status = 405;
        } else if (!best || *fits < *best) {
            best = fits;
            out = {200, each.id};
        }
    }
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    script input{data, size};
    http::router routes;
    std::vector<pattern> all;
    auto const count = input.byte() % 8u;
    for (std::size_t id = 0; id != count; ++id) {
        auto made = pattern_of(input, id);
        bool is_double = false;
        for (auto const& each : all)
            is_double |= each.method == made.method && place_of(each) == place_of(made);
        try {
            routes.add(made.method, text_of(made),
                       [id](http::request const&) { return http::text(std::to_string(id)); });
            claim(!is_double, "a pattern is there once");
            all.push_back(std::move(made));
        } catch (std::invalid_argument const&) {
            claim(is_double, "a pattern that is one is taken");
        }
    }
    auto const method = method_of(input.byte());
    auto const path = "/" + std::string{input.rest()};
    auto const found = routes.find(method, path);
    auto const wanted = look(all, method, path);
    if (wanted.status == 200) {
        claim(found.chosen != nullptr, "what matches is found");
        claim((*found.chosen)(http::request{}).body == std::to_string(wanted.id),
              "and it is what fits best");
        claim(found.status == 200, "with its status");
    } else {
        claim(found.chosen == nullptr, "what does not match is not found");
        // A path that cannot be decoded is 400 where nothing else is known of it.
        claim(found.status == wanted.status || (found.status == 400 && wanted.status == 404),
              "and told as it is");
        claim((found.status == 405) != found.allow.empty(), "405 comes with what is allowed");
    }
    return 0;
}
