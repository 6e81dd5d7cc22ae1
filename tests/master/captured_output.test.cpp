#include <covey/master/captured_output.hpp>

#include "support/catch.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/io_context.hpp>
#include <string>
#include <unistd.h>

namespace captured_output_test {

using namespace covey;
using namespace covey::supervision;

namespace {

struct fixture
{
    fixture()
    {
        auto ends = captured_output::make_pipe();
        writer = std::move(ends.second);
        it = std::make_shared<captured_output>(loop.get_executor(), std::move(ends.first),
                                               [this] { ended = true; });
        it->start();
    }
    ~fixture() { it->close(); }

    void write(std::string const& text) const
    {
        REQUIRE(::write(writer.get(), text.data(), text.size()) ==
                static_cast<ssize_t>(text.size()));
    }

    boost::asio::io_context loop{1};
    handle writer;
    std::shared_ptr<captured_output> it;
    bool ended = false;
};

} // namespace

TEST_CASE("the last twenty lines of what was written are kept", "[master][captured_output]")
{
    fixture f;
    CHECK(f.it->last_words().empty());
    f.write("one\n");
    f.it->catch_up();
    CHECK(f.it->last_words() == "one");
    for (int i = 0; i < 30; ++i)
        f.write("line " + std::to_string(i) + "\n");
    f.it->catch_up();
    auto const words = f.it->last_words();
    CHECK(words.starts_with("line 10\nline 11\n"));
    CHECK(words.ends_with("line 28\nline 29"));
}

TEST_CASE("of long lines the last four kilobytes are kept", "[master][captured_output]")
{
    fixture f;
    f.write(std::string(3000, 'a') + "\n" + std::string(3000, 'b') + "\n");
    f.it->catch_up();
    CHECK(f.it->last_words() == std::string(3000, 'b'));
    f.write(std::string(9000, 'c'));
    f.it->catch_up();
    CHECK(f.it->last_words() == std::string(captured_output::bytes_max, 'c'));
}

TEST_CASE("the end of what is written is told, and not before", "[master][captured_output]")
{
    fixture f;
    f.write("last");
    f.loop.poll();
    CHECK_FALSE(f.ended);
    f.writer.reset();
    CHECK(test::run_until(f.loop, [&] { return f.ended; }));
    CHECK(f.it->last_words() == "last");
}

} // namespace captured_output_test
