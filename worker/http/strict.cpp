#include "strict.hpp"

#include "byte_set.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace covey::http {

namespace beast = boost::beast;
namespace urls = boost::urls;

namespace {

constexpr denial no_target{400, flaw::target};

// ---- what nearly every client sends, seen at once; anything else is for Boost.URL, which takes
// these, too, at ten times the price

// Letters, digits, '-' and '.', perhaps a port.
bool is_plain_authority(std::string_view text)
{
    static constexpr auto host_bytes = letters_and_digits.with("-.");
    auto const colon = text.find(':');
    auto const host = text.substr(0, colon);
    if (host.empty() || !host_bytes.has_all(host))
        return false;
    if (colon == text.npos)
        return true;
    auto const port = text.substr(colon + 1);
    return !port.empty() && port.size() <= 4 && digits.has_all(port);
}

// Segments and a query without "%XX".
bool is_plain_origin(std::string_view text)
{
    static constexpr auto bytes = letters_and_digits.with("-._~!$&'()*+,;=:@/?");
    return text.starts_with('/') && !text.starts_with("//") && bytes.has_all(text);
}

std::string_view trimmed(std::string_view text)
{
    auto const first = text.find_first_not_of(" \t");
    if (first == text.npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool equals(std::string_view left, std::string_view right)
{
    return beast::iequals({left.data(), left.size()}, {right.data(), right.size()});
}

// RFC 9112 6.1: only "chunked", once, is ours; another coding is 501, anything else 400.
denial judge_codings(std::string_view list)
{
    bool foreign = false;
    unsigned chunked = 0;
    for (bool more = true; more;) {
        auto const comma = list.find(',');
        more = comma != list.npos;
        auto const coding = trimmed(list.substr(0, comma));
        if (more)
            list.remove_prefix(comma + 1);
        if (!is_token(coding))
            return {400, flaw::chunked};
        if (equals(coding, "chunked"))
            ++chunked;
        else
            foreign = true;
    }
    if (foreign)
        return {501, flaw::codings};
    return chunked == 1 ? denial{} : denial{400, flaw::chunked};
}

denial judge_framing(head_facts const& facts)
{
    // Beast takes "3, 3" for 3; somebody on the way may not.
    if (facts.content_lengths > 1)
        return {400, flaw::lengths};
    if (facts.content_length.find_first_not_of("0123456789") != std::string_view::npos)
        return {400, flaw::length};
    if (!facts.codings)
        return {};
    if (facts.minor_version == 0)
        return {400, flaw::chunked_1_0};
    if (facts.content_lengths > 0)
        return {400, flaw::coded_length};
    return judge_codings(*facts.codings);
}

bool is_authority(std::string_view text)
{
    if (is_plain_authority(text))
        return true;
    auto const parsed = urls::parse_authority({text.data(), text.size()});
    // A comma is legal in a reg-name, and two Host values joined by somebody on the way.
    return parsed && !parsed->has_userinfo() && !parsed->encoded_host().empty() &&
           text.find(',') == text.npos;
}

denial judge_host(head_facts const& facts)
{
    if (facts.hosts > 1)
        return {400, flaw::hosts};
    if (facts.hosts == 0)
        return facts.minor_version > 0 ? denial{400, flaw::no_host} : denial{};
    return is_authority(facts.host) ? denial{} : denial{400, flaw::host};
}

denial take_absolute(urls::url_view const& target, request& head)
{
    if (target.scheme_id() != urls::scheme::http && target.scheme_id() != urls::scheme::https)
        return no_target;
    std::string const authority{target.encoded_authority().data(),
                                target.encoded_authority().size()};
    if (!is_authority(authority))
        return no_target;
    auto const resource = target.encoded_resource();
    std::string origin{resource.data(), resource.size()};
    if (!origin.starts_with('/'))
        origin.insert(origin.begin(), '/');
    head.target_text = std::move(origin);
    for (auto& [name, value] : head.fields)
        if (equals(name, "Host")) {
            value = authority;
            return {};
        }
    head.fields.emplace_back("Host", authority); // HTTP/1.0 may come without
    return {};
}

denial judge_target(request& head)
{
    if (head.method_name == "CONNECT")
        return {501, flaw::connect};
    if (is_plain_origin(head.target_text))
        return {};
    boost::core::string_view const target{head.target_text};
    if (target.starts_with('/'))
        return urls::parse_origin_form(target) ? denial{} : no_target;
    if (target == "*")
        return head.method_name == "OPTIONS" ? denial{} : no_target;
    auto const absolute = urls::parse_absolute_uri(target);
    return absolute ? take_absolute(*absolute, head) : no_target;
}

} // namespace

head_verdict judge(head_facts const& facts, request& head)
{
    head_verdict verdict;
    for (auto const refusal : {judge_framing(facts), judge_host(facts), judge_target(head)})
        if (refusal) {
            verdict.refusal = refusal;
            return verdict;
        }
    if (facts.expectations > 0 && facts.minor_version > 0) { // HTTP/1.0 knows no Expect
        verdict.wants_continue = facts.expectations == 1 && equals(facts.expect, "100-continue");
        if (!verdict.wants_continue)
            verdict.refusal = {417, flaw::expectation};
    }
    return verdict;
}

} // namespace covey::http
