#include "strictness.hpp"

#include <utility>

namespace covey::http::strictness {

namespace {

std::string repeated(std::size_t times, std::string const& text)
{
    std::string all;
    for (std::size_t i = 0; i < times; ++i)
        all += text;
    return all;
}

// Rows of one group, about one site.
class rows
{
  public:
    rows(std::vector<row>& into, std::string group, site const& of)
        : into_{into}
        , group_{std::move(group)}
        , of_{of}
    {}

    void add(std::string name, std::string bytes, std::vector<unsigned> statuses, fate then)
    {
        into_.push_back({group_, std::move(name), std::move(bytes), std::move(statuses), then});
    }
    void fine(std::string name, std::string bytes)
    {
        add(std::move(name), std::move(bytes), {answered}, fate::kept);
    }
    void refused(std::string name, unsigned status, std::string bytes)
    {
        add(std::move(name), std::move(bytes), {status}, fate::closed);
    }

    std::string host() const { return "Host: " + of_.host + "\r\n"; }
    // `fields` with their ends; no Host but theirs.
    std::string get(std::string const& fields) const { return line("GET " + of_.get, fields); }
    std::string get_of(std::string const& target, std::string const& fields = "") const
    {
        return line("GET " + target, host() + fields);
    }
    std::string post(std::string const& fields, std::string const& body = "") const
    {
        return line("POST " + of_.post, host() + fields) + body;
    }
    std::string chunked(std::string const& body) const
    {
        return post("Transfer-Encoding: chunked\r\n", body);
    }
    // A request that nobody meant as one: who answers it has been smuggled to.
    std::string hidden() const { return get_of(of_.get); }

  private:
    static std::string line(std::string const& start, std::string const& fields)
    {
        return start + " HTTP/1.1\r\n" + fields + "\r\n";
    }

    std::vector<row>& into_;
    std::string group_;
    site const& of_;
};

std::string const three = "3\r\nabc\r\n0\r\n\r\n";
std::string const last = "0\r\n\r\n";

void add_hosts(rows to)
{
    to.fine("one", to.get("Host: example.org\r\n"));
    to.fine("with a port", to.get("Host: example.org:8080\r\n"));
    to.fine("an IPv6 address", to.get("Host: [::1]:80\r\n"));
    to.refused("none", 400, to.get(""));
    for (auto const& [name, value] : {std::pair{"empty", ""},
                                      {"userinfo", "user@a"},
                                      {"a path", "a/b"},
                                      {"a space", "a b"},
                                      {"a comma", "a,b"},
                                      {"a port that is none", "a:b"}})
        to.refused(name, 400, to.get("Host: " + std::string{value} + "\r\n"));
    to.refused("two", 400, to.get("Host: a\r\nHost: b\r\n"));
    to.refused("two equal ones", 400, to.get("Host: a\r\nHost: a\r\n"));
}

void add_framing(rows to, site const& of)
{
    auto const coded = [&](std::string const& value) {
        return to.post("Transfer-Encoding: " + value + "\r\n", three + to.hidden());
    };
    auto const sized = [&](std::string const& value, std::string const& body) {
        return to.post("Content-Length: " + value + "\r\n", body + to.hidden());
    };
    to.fine("length", to.post("Content-Length: 3\r\n", "abc"));
    to.fine("chunked", to.chunked(three));
    to.fine("Chunked", to.post("Transfer-Encoding: Chunked\r\n", three));
    to.fine("an underscore is no hyphen",
            to.post("Transfer_Encoding: gzip\r\nContent-Length: 1\r\n", "a"));
    for (auto const* foreign : {"gzip", "identity", "gzip, chunked", "chunked, gzip", "xchunked"})
        to.refused(foreign, 501, coded(foreign));
    for (auto const& [name, wrong] :
         {std::pair{"chunked, chunked", "chunked, chunked"},
          {"an empty coding", ""},
          {"an empty element", "chunked,"},
          {"quoted", "\"chunked\""},
          {"with a parameter", "chunked;a=b"},
          {"a vertical tab", "\vchunked"},
          {"two fields", "chunked\r\nTransfer-Encoding: chunked"},
          {"two fields, one foreign", "chunked\r\nTransfer-Encoding: x"},
          {"chunked and a length", "chunked\r\nContent-Length: 3"},
          {"foreign and a length", "gzip\r\nContent-Length: 13"}})
        to.refused(name, 400, coded(wrong));
    to.refused("chunked after a length", 400,
               to.post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", three + to.hidden()));
    to.refused("chunked in HTTP/1.0", 400,
               "POST " + of.post + " HTTP/1.0\r\n" + to.host() +
                   "Transfer-Encoding: chunked\r\n\r\n" + three + to.hidden());
    to.refused("chunked, folded", 400,
               to.post("Transfer-Encoding:\r\n chunked\r\n", three + to.hidden()));
    to.refused("chunked, a space before the colon", 400,
               to.post("Transfer-Encoding : chunked\r\n", three + to.hidden()));
    to.refused("two lengths", 400, sized("3\r\nContent-Length: 4", "abcd"));
    to.refused("two equal lengths", 400, sized("3\r\nContent-Length: 3", "abc"));
    to.refused("a list of lengths", 400, sized("3, 3", "abc"));
    to.refused("a signed length", 400, sized("+3", "abc"));
    to.refused("a negative length", 400, sized("-3", "abc"));
    to.refused("a length past 64 bits", 400, sized("18446744073709551619", ""));
}

void add_chunks(rows to, limits const& bounds)
{
    std::string const zeros(60, '0');
    to.fine("extensions", to.chunked("3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n"));
    to.fine("16 digits", to.chunked("0000000000000003\r\nabc\r\n" + last));
    to.fine("a trailer", to.chunked("1\r\na\r\n0\r\nDigest: x\r\n\r\n"));
    for (auto const& [name, body] : {
             std::pair{"60 zeros", zeros + "3\r\nabc\r\n" + last},
             {"60 zeros, later", "1\r\na\r\n" + zeros + "3\r\nabc\r\n" + last},
             {"60 zeros, at last", "1\r\na\r\n" + zeros + "\r\n\r\n"},
             {"a size past 64 bits", std::string{"11111111111111111\r\nabc"}},
             {"no size", "\r\nabc"},
             {"a size with a prefix", "0x3\r\nabc\r\n" + last},
             {"a size with a sign", "+3\r\nabc\r\n" + last},
             {"no CRLF after the data", "3\r\nabcd\r\n" + last},
             {"a bare LF", "3\nabc\r\n" + last},
             {"a folded trailer", "1\r\na\r\n0\r\nDigest: x\r\n y\r\n\r\n"},
             {"a trailer folded into a coding",
              "0\r\nA: x\r\n\tTransfer-Encoding: chunked\r\n\r\n"},
             {"a length in the trailer", "1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n"},
         })
        to.refused(name, 400, to.chunked(body));

    auto const extensions = bounds.chunk_extension_bytes_max;
    to.refused("too many extensions", 400,
               to.chunked("3;" + std::string(2 * extensions, 'e') + "\r\nabc\r\n" + last));
    to.refused("an extension without end", 400,
               to.chunked("3;" + std::string(100 * extensions, 'e')));
    to.refused(
        "too many extensions in pieces", 400,
        to.chunked(repeated(20, "1;" + std::string(extensions / 10, 'e') + "\r\na\r\n") + last));
    auto const trailer = bounds.trailer_bytes_max;
    to.refused("a trailer without end", 431,
               to.chunked("0\r\nA: " + std::string(25 * trailer, 'x') + "\r\n\r\n"));
    to.refused("a trailer too large in fields", 431,
               to.chunked("0\r\n" + repeated(50, "A: " + std::string(trailer / 40, 'x') + "\r\n") +
                          "\r\n"));
}

void add_request_lines(rows to, site const& of)
{
    auto const line = [&](std::string const& text) { return text + "\r\n" + to.host() + "\r\n"; };
    auto const get = "GET " + of.get;
    to.fine("an empty line before it", "\r\n" + line(get + " HTTP/1.1"));
    for (auto const& [name, bytes] : {
             std::pair{"two empty lines before it", "\r\n\r\n" + line(get + " HTTP/1.1")},
             {"no version", line(get)},
             {"no version but a space", line(get + " ")},
             {"HTTP/0.9", get + "\r\n\r\n"},
             {"two spaces", line("GET  " + of.get + " HTTP/1.1")},
             {"a space in the target", line("GET /a b HTTP/1.1")},
             {"a leading space", line(" " + get + " HTTP/1.1")},
             {"a tab", line("GET\t" + of.get + " HTTP/1.1")},
             {"lower-case http", line(get + " http/1.1")},
             {"HTTP/11", line(get + " HTTP/11")},
             {"TLS", std::string{"\x16\x03\x01\x02\x01\x01\xfc\x03\x03\n"}},
             {"a method that is no token", line("G(T / HTTP/1.1")},
             {"* with GET", line("GET * HTTP/1.1")},
             {"a target that is none", line("GET ! HTTP/1.1")},
             {"a fragment", line("GET /a#b HTTP/1.1")},
             {"a raw byte above 127", line("GET /\xC3\xA9 HTTP/1.1")},
             {"a bad escape", line("GET /%zz HTTP/1.1")},
             {"ftp", line("GET ftp://a/ HTTP/1.1")},
             {"userinfo in the target", line("GET http://user@a/ HTTP/1.1")},
             {"a bare LF after it", get + " HTTP/1.1\n" + to.host() + "\r\n"},
         })
        to.refused(name, 400, bytes);
    to.refused("HTTP/1.2", 505, line(get + " HTTP/1.2"));
    to.refused("HTTP/2.0", 505, line(get + " HTTP/2.0"));
    to.refused("HTTP/2's preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    to.refused("CONNECT", 501, line("CONNECT a:80 HTTP/1.1"));
    to.fine("an absolute target that is not the Host's",
            "GET http://example.org:81" + of.get + " HTTP/1.1\r\n" + to.host() + "\r\n");
}

void add_fields(rows to, site const& of)
{
    std::string const nul{"X: a\0b\r\n", 8};
    to.fine("an empty value", to.get(to.host() + "X:\r\n"));
    for (auto const& [name, fields] : {
             std::pair{"folded by a space", to.host() + "X: b\r\n c\r\n"},
             {"folded by a tab", to.host() + "X: b\r\n\tc\r\n"},
             {"the first one folded", " " + to.host()},
             {"a bare LF", "Host: a\nX: b\r\n"},
             {"a bare CR", to.host() + "X: b\rc\r\n"},
             {"NUL", to.host() + nul},
             {"no colon", to.host() + "X\r\n"},
             {"no name", to.host() + ": b\r\n"},
             {"a space before the colon", to.host() + "X : b\r\n"},
         })
        to.refused(name, 400, to.get(fields));
    to.refused("an end by bare LF", 400, "GET " + of.get + " HTTP/1.1\r\n" + to.host() + "\n");
}

void add_limits(rows to, site const& of)
{
    auto const& bounds = of.bounds;
    std::string const query = of.get + (of.get.find('?') == of.get.npos ? "?" : "&");
    auto const long_target = query + std::string(bounds.target_bytes_max - query.size(), 'a');
    to.fine("the longest target", to.get_of(long_target));
    to.refused("a longer target", 414, to.get_of(long_target + "a"));
    to.refused("a target without end", 414,
               "GET /" + std::string(12 * bounds.target_bytes_max, 'a'));
    to.refused("a method without end", 400, std::string(12 * bounds.target_bytes_max, 'A'));
    to.fine("as many fields as may be",
            to.get(to.host() + repeated(bounds.fields_max - 1, "X: \r\n")));
    to.refused("a field more", 431, to.get(to.host() + repeated(bounds.fields_max, "X: \r\n")));
    to.refused("a field too long", 431,
               to.get(to.host() + "X: " + std::string(bounds.head_bytes_max + 1024, 'x') + "\r\n"));
    to.refused("a field without end", 431,
               "GET " + of.get + " HTTP/1.1\r\nX: " + std::string(6 * bounds.head_bytes_max, 'x'));
    auto const most = std::to_string(bounds.body_bytes_max);
    auto const more = std::to_string(bounds.body_bytes_max + 1);
    std::string const body(bounds.body_bytes_max, 'b');
    to.fine("the largest body", to.post("Content-Length: " + most + "\r\n", body));
    to.refused("a byte more, announced", 413, to.post("Content-Length: " + more + "\r\n"));
    to.refused("a byte more, in chunks", 413,
               to.chunked(repeated(bounds.body_bytes_max / 1024,
                                   "400\r\n" + std::string(1024, 'b') + "\r\n") +
                          "400\r\n" + std::string(1024, 'b') + "\r\n" + last));
}

void add_expectations(rows to, site const& of)
{
    auto const more = std::to_string(of.bounds.body_bytes_max + 1);
    to.fine("the body is here already",
            to.post("Expect: 100-continue\r\nContent-Length: 1\r\n", "a"));
    to.fine("no body", to.get(to.host() + "Expect: 100-continue\r\n"));
    to.refused("something else", 417, to.post("Expect: else\r\nContent-Length: 1\r\n", "a"));
    to.refused("twice", 417,
               to.post("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n"));
    to.refused("a body that is refused", 413,
               to.post("Expect: 100-continue\r\nContent-Length: " + more + "\r\n"));
}

void add_sequences(rows to)
{
    auto const one = to.hidden();
    to.add("two in one piece", one + one, {answered, answered}, fate::kept);
    to.add("garbage after one", one + "garbage\r\n\r\n", {answered, 400}, fate::closed);
    to.add("garbage after two", one + one + "\x01\x02\r\n", {answered, answered, 400},
           fate::closed);
    to.add("requests after a refusal", to.get("") + one + one, {400}, fate::closed);
}

} // namespace

std::vector<row> table(site const& of)
{
    std::vector<row> all;
    add_hosts({all, "Host", of});
    add_framing({all, "framing", of}, of);
    add_chunks({all, "chunk", of}, of.bounds);
    add_request_lines({all, "request line", of}, of);
    add_fields({all, "field", of}, of);
    add_limits({all, "limit", of}, of);
    add_expectations({all, "Expect", of}, of);
    add_sequences({all, "sequence", of});
    return all;
}

} // namespace covey::http::strictness
