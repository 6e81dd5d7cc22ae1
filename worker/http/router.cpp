#include "router.hpp"

#include "percent.hpp"

#include <boost/beast/http/verb.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <unordered_map>

namespace covey::http {

namespace beast = boost::beast;

struct router::route
{
    handler action;
    std::vector<std::string> names; // of its {names}, in their order
};

struct router::node
{
    using routes = std::map<std::string, route, std::less<>>; // by method

    std::map<std::string, std::unique_ptr<node>, std::less<>> literals;
    std::unique_ptr<node> any;
    routes here; // the pattern ends at this segment
    routes rest; // the pattern takes all that is left
};

struct router::places
{
    struct hash : std::hash<std::string_view>
    {
        using is_transparent = void;
    };
    std::unordered_map<std::string, node::routes const*, hash, std::equal_to<>> by_pattern;
};

namespace {

bool is_name(std::string_view text)
{
    return !text.empty() &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == text.npos;
}

// Takes the first segment off "a/b/c"; `text` becomes "b/c", or has no data when none is left.
std::string_view next_segment(std::string_view& text)
{
    auto const slash = text.find('/');
    auto const segment = text.substr(0, slash);
    text = slash == text.npos ? std::string_view{} : text.substr(slash + 1);
    return segment;
}

[[noreturn]] void bad_pattern(std::string_view pattern, char const* what)
{
    throw std::invalid_argument{"route \"" + std::string{pattern} + "\": " + what};
}

struct parameter
{
    std::string_view name;
    bool takes_rest;
};

// A segment's "{name}" or "{name...}"; nothing when it is a literal.
std::optional<parameter> parameter_in(std::string_view pattern, std::string_view segment)
{
    if (!segment.starts_with('{') || !segment.ends_with('}')) {
        if (segment.find_first_of("{}?#") != segment.npos)
            bad_pattern(pattern, "'{', '}', '?' and '#' have no place in a literal segment");
        return std::nullopt;
    }
    auto name = segment.substr(1, segment.size() - 2);
    bool const takes_rest = name.ends_with("...");
    if (takes_rest)
        name.remove_suffix(3);
    if (!is_name(name))
        bad_pattern(pattern, "a {name} is letters, digits, '_' and '-'");
    return parameter{name, takes_rest};
}

} // namespace

// One walk down the tree; `values` holds the decoded parameters of the branch being tried.
struct router::search
{
    std::string_view method;
    std::vector<std::string> values;
    std::set<std::string, std::less<>> methods; // of the patterns that match but for the method
    route const* found = nullptr;
    bool undecodable = false;

    static route const* chosen_from(node::routes const& among, std::string_view method)
    {
        auto chosen = among.find(method);
        if (chosen == among.end() && method == "HEAD")
            chosen = among.find(std::string_view{"GET"});
        if (chosen == among.end())
            chosen = among.find(std::string_view{"*"});
        return chosen == among.end() ? nullptr : &chosen->second;
    }

    bool choose(node::routes const& among)
    {
        found = chosen_from(among, method);
        if (found == nullptr)
            for (auto const& [name, ignored] : among)
                methods.insert(name);
        return found != nullptr;
    }

    // `left` is the path below `at`; null data means that the path ends here.
    bool walk(node const& at, std::string_view left)
    {
        if (!left.data())
            return choose(at.here);
        auto below = left;
        auto segment = percent_decoded(next_segment(below));
        if (!segment) {
            undecodable = true;
            return false;
        }
        if (auto const literal = at.literals.find(*segment); literal != at.literals.end())
            if (walk(*literal->second, below))
                return true;
        if (at.any && !segment->empty() && take(std::move(*segment), *at.any, below))
            return true;
        if (at.rest.empty())
            return false;
        auto all = percent_decoded(left);
        if (!all) {
            undecodable = true;
            return false;
        }
        values.push_back(std::move(*all));
        if (choose(at.rest))
            return true;
        values.pop_back();
        return false;
    }

    bool take(std::string value, node const& at, std::string_view below)
    {
        values.push_back(std::move(value));
        if (walk(at, below))
            return true;
        values.pop_back();
        return false;
    }
};

response refusal(router::match const& route, request const& asked)
{
    if (asked.target_text == "*")
        return status(204);
    auto const& method = asked.method_name;
    if (beast::http::string_to_verb({method.data(), method.size()}) == beast::http::verb::unknown)
        return status(501);
    auto made = status(route.status);
    if (route.status == 405)
        made.set("Allow", route.allow);
    return made;
}

router::router()
    : root_{std::make_unique<node>()}
    , whole_{std::make_unique<places>()}
{}
router::~router() = default;
router::router(router&&) noexcept = default;
router& router::operator=(router&&) noexcept = default;

void router::add(std::string method, std::string_view pattern, handler action)
{
    if (method.empty())
        bad_pattern(pattern, "the method is empty");
    if (!pattern.starts_with('/'))
        bad_pattern(pattern, "a pattern begins with '/'");

    route made{std::move(action), {}};
    auto left = pattern.substr(1);
    node* at = root_.get();
    node::routes* end = nullptr;
    while (left.data()) {
        auto const segment = next_segment(left);
        auto const parameter = parameter_in(pattern, segment);
        if (parameter)
            made.names.emplace_back(parameter->name);
        if (parameter && parameter->takes_rest) {
            if (left.data())
                bad_pattern(pattern, "{rest...} is the last segment");
            end = &at->rest;
            break;
        }
        auto& below = parameter ? at->any : at->literals[std::string{segment}];
        if (!below)
            below = std::make_unique<node>();
        at = below.get();
        end = &at->here;
    }
    bool const is_whole = made.names.empty();
    if (!end->emplace(std::move(method), std::move(made)).second)
        bad_pattern(pattern, "there is such a route already");
    if (is_whole)
        whole_->by_pattern.emplace(pattern, end);
}

router::match router::find(std::string_view method, std::string_view path) const
{
    match result;
    if (!path.starts_with('/'))
        return result;

    // Literals come first at every segment of the tree, too. What is encoded is never a pattern.
    if (auto const whole = whole_->by_pattern.find(path);
        whole != whole_->by_pattern.end() && path.find('%') == path.npos)
        if (auto const* const found = search::chosen_from(*whole->second, method)) {
            result.chosen = &found->action;
            result.status = 200;
            return result;
        }

    search looking{.method = method, .values = {}, .methods = {}};
    if (looking.walk(*root_, path.substr(1))) {
        result.chosen = &looking.found->action;
        result.status = 200;
        for (std::size_t i = 0; i < looking.values.size(); ++i)
            result.parameters.emplace_back(looking.found->names[i], std::move(looking.values[i]));
    } else if (!looking.methods.empty()) {
        result.status = 405;
        if (looking.methods.contains("GET"))
            looking.methods.insert("HEAD");
        for (auto const& name : looking.methods)
            result.allow += (result.allow.empty() ? "" : ", ") + name;
    } else if (looking.undecodable) {
        result.status = 400;
    }
    return result;
}

} // namespace covey::http
