#include "plain_requests.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace covey::test {

namespace {

using text = std::string_view;

// RFC 9110 5.6.2
bool is_token(text of)
{
    auto const fits = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               text{"!#$%&'*+-.^_`|~"}.find(c) != text::npos;
    };
    return !of.empty() && std::all_of(of.begin(), of.end(), fits);
}

bool is_control(char c)
{
    return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f;
}

// RFC 9112 3.2, as far as bytes go.
bool is_target(text of)
{
    return !of.empty() && std::none_of(of.begin(), of.end(), [](char c) {
        return is_control(c) || c == ' ' || c == '\t' || c == '#' || c < 0;
    });
}

bool equals(text left, text right)
{
    auto const low = [](char c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; };
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [&](char a, char b) { return low(a) == low(b); });
}

text trimmed(text of)
{
    auto const first = of.find_first_not_of(" \t");
    return first == text::npos ? text{} : of.substr(first, of.find_last_not_of(" \t") - first + 1);
}

std::optional<std::size_t> number(text of, int base)
{
    std::size_t out = 0;
    auto const [end, failed] = std::from_chars(of.data(), of.data() + of.size(), out, base);
    if (of.empty() || failed != std::errc{} || end != of.data() + of.size())
        return std::nullopt;
    return out;
}

// What is left of the bytes; each step is none when they are not what it wants.
class reader
{
  public:
    explicit reader(text bytes)
        : left_{bytes}
    {}

    bool at_end() const { return left_.empty(); }
    std::optional<plain_request> request();

  private:
    struct field
    {
        text name;
        text value;
    };
    std::optional<text> line();
    std::optional<std::vector<field>> fields();
    std::optional<std::string> body(std::vector<field> const& head, bool is_1_1);
    std::optional<std::string> chunks();
    bool is_extension(text of) const;

    text left_;
};

// Up to a CRLF, with neither CR nor LF in it.
std::optional<text> reader::line()
{
    auto const end = left_.find_first_of("\r\n");
    if (end == text::npos || left_.substr(end, 2) != "\r\n")
        return std::nullopt;
    auto const out = left_.substr(0, end);
    left_.remove_prefix(end + 2);
    return out;
}

std::optional<std::vector<reader::field>> reader::fields()
{
    std::vector<field> out;
    for (;;) {
        auto const one = line();
        if (!one)
            return std::nullopt;
        if (one->empty())
            return out;
        auto const colon = one->find(':');
        if (colon == text::npos || !is_token(one->substr(0, colon)) ||
            std::any_of(one->begin(), one->end(), is_control))
            return std::nullopt;
        out.push_back({one->substr(0, colon), trimmed(one->substr(colon + 1))});
    }
}

std::vector<text> values(auto const& fields, text name)
{
    std::vector<text> out;
    for (auto const& one : fields)
        if (equals(one.name, name))
            out.push_back(one.value);
    return out;
}

// RFC 9112 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS value ] )
bool reader::is_extension(text of) const
{
    while (!of.empty()) {
        of = of.substr(std::min(of.find_first_not_of(" \t"), of.size()));
        if (!of.starts_with(';'))
            return false;
        std::size_t end = 1;
        for (bool quoted = false; end != of.size() && (quoted || of[end] != ';'); ++end) {
            if (is_control(of[end]))
                return false;
            if (of[end] == '"')
                quoted = !quoted;
            else if (of[end] == '\\' && quoted && end + 1 != of.size())
                ++end;
            if (quoted && end + 1 >= of.size())
                return false;
        }
        auto const one = of.substr(1, end - 1);
        auto const equal = one.find('=');
        auto const value = equal == text::npos ? text{"x"} : trimmed(one.substr(equal + 1));
        bool const is_quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
        if (!is_token(trimmed(one.substr(0, equal))) || (!is_quoted && !is_token(value)))
            return false;
        of.remove_prefix(end);
    }
    return true;
}

std::optional<std::string> reader::chunks()
{
    std::string out;
    for (;;) {
        auto const head = line();
        if (!head)
            return std::nullopt;
        auto const digits = std::min(head->find_first_of("; \t"), head->size());
        auto const size = number(head->substr(0, digits), 16);
        if (!size || !is_extension(head->substr(digits)))
            return std::nullopt;
        if (*size == 0)
            break;
        if (left_.size() < *size || left_.substr(*size, 2) != "\r\n")
            return std::nullopt;
        out += left_.substr(0, *size);
        left_.remove_prefix(*size + 2);
    }
    auto const trailer = fields();
    if (!trailer)
        return std::nullopt;
    for (auto const* name : {"Content-Length", "Transfer-Encoding"})
        if (!values(*trailer, name).empty())
            return std::nullopt;
    return out;
}

std::optional<std::string> reader::body(std::vector<field> const& head, bool is_1_1)
{
    auto const lengths = values(head, "Content-Length");
    auto const codings = values(head, "Transfer-Encoding");
    if (!codings.empty()) {
        bool const plain = codings.size() == 1 && equals(codings.front(), "chunked");
        return plain && is_1_1 && lengths.empty() ? chunks() : std::nullopt;
    }
    if (lengths.empty())
        return std::string{};
    auto const size = lengths.size() == 1 ? number(lengths.front(), 10) : std::nullopt;
    if (!size || *size > left_.size())
        return std::nullopt;
    std::string const out{left_.substr(0, *size)};
    left_.remove_prefix(*size);
    return out;
}

std::optional<plain_request> reader::request()
{
    if (left_.starts_with("\r\n")) // RFC 9112 2.2: one is tolerated
        left_.remove_prefix(2);
    auto const start = line();
    if (!start)
        return std::nullopt;
    auto const one = start->find(' ');
    auto const two = start->find(' ', one + 1);
    if (one == text::npos || two == text::npos)
        return std::nullopt;
    auto const version = start->substr(two + 1);
    bool const is_1_1 = version == "HTTP/1.1";
    plain_request out{.method = std::string{start->substr(0, one)},
                      .target = std::string{start->substr(one + 1, two - one - 1)},
                      .body = {}};
    if ((!is_1_1 && version != "HTTP/1.0") || !is_token(out.method) || !is_target(out.target))
        return std::nullopt;
    auto const head = fields();
    if (!head)
        return std::nullopt;
    auto const hosts = values(*head, "Host").size();
    if (hosts > 1 || (is_1_1 && hosts == 0))
        return std::nullopt;
    auto here = body(*head, is_1_1);
    if (!here)
        return std::nullopt;
    out.body = std::move(*here);
    return out;
}

} // namespace

plain_reading read_plainly(std::string_view bytes)
{
    plain_reading out;
    reader from{bytes};
    while (!from.at_end()) {
        auto one = from.request();
        if (!one)
            return out;
        out.requests.push_back(std::move(*one));
    }
    out.clean = true;
    return out;
}

} // namespace covey::test
