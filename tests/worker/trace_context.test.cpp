// What a request is called, and which trace it belongs to.
#include "support/catch.hpp"

#include <covey/worker/http/message.hpp>
#include <set>
#include <string>

namespace trace_context_test {

namespace http = covey::http;

namespace {

constexpr auto good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

http::request asked(http::request::field const& with)
{
    http::request made;
    made.fields = {{"Host", "test"}, with};
    return made;
}

} // namespace

TEST_CASE("a traceparent is read as the standard has it", "[worker][trace]")
{
    auto const [text, sampled] = GENERATE(table<std::string, bool>({
        {good, true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", true}, // unknown flags
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe", false},
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true}, // a later version
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true},
    }));
    CAPTURE(text);
    auto const trace = http::trace_context::parse(text);
    REQUIRE(trace);
    CHECK(trace->trace_id == "0af7651916cd43dd8448eb211c80319c");
    CHECK(trace->parent_id == "b7ad6b7169203331");
    CHECK(trace->sampled == sampled);
    CHECK(asked({"TraceParent", text}).trace() == trace);
}

TEST_CASE("a traceparent that is not valid is none", "[worker][trace]")
{
    auto const text = GENERATE(as<std::string>{}, "", "00",
                               "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                               "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                               "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                               "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                               "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
                               "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01",
                               "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
                               "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                               "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                               "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
                               "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
                               "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                               "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                               "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
                               " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    CAPTURE(text);
    CHECK_FALSE(http::trace_context::parse(text));
    CHECK_FALSE(asked({"traceparent", text}).trace());
}

TEST_CASE("a request with two traceparents belongs to no trace", "[worker][trace]")
{
    auto two = asked({"traceparent", good});
    two.fields.emplace_back("Traceparent", good);
    CHECK_FALSE(two.trace());
    CHECK_FALSE(asked({"tracestate", "a=b"}).trace());
}

TEST_CASE("what goes on to other servers has the same trace and a span of its own",
          "[worker][trace]")
{
    auto const trace = http::trace_context::parse(good);
    REQUIRE(trace);
    CHECK(trace->header() == good);
    auto const child = trace->child();
    CHECK(child.trace_id == trace->trace_id);
    CHECK(child.parent_id != trace->parent_id);
    CHECK(child.sampled);
    CHECK(http::trace_context::parse(child.header()) == child);
    auto const root = http::trace_context::root();
    CHECK(http::trace_context::parse(root.header()) == root);
    CHECK(root.trace_id != http::trace_context::root().trace_id);
}

TEST_CASE("a request is called what the client calls it, if that is harmless", "[worker][trace]")
{
    for (std::string const id : {"a", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "x/y=z+1:2@3_4.5"})
        CHECK(asked({"X-Request-ID", id}).id() == id);
    CHECK(asked({"X-Request-Id", std::string(128, 'a')}).id() == std::string(128, 'a'));
    for (std::string const& id : {std::string{}, std::string(129, 'a'), std::string{"a b"},
                                  std::string{"a\"b"}, std::string{"\xc3\xa4"}}) {
        auto const made = asked({"X-Request-Id", id}).id();
        CHECK(made.size() == 32);
        CHECK(made.find_first_not_of("0123456789abcdef") == made.npos);
    }
}

TEST_CASE("a request keeps the id that was made for it, and no other gets the same",
          "[worker][trace]")
{
    http::request const one;
    auto const id = one.id();
    CHECK(one.id() == id);
    std::set<std::string> all;
    for (int i = 0; i != 10'000; ++i)
        all.insert(http::request{}.id());
    CHECK(all.size() == 10'000);
}

} // namespace trace_context_test
