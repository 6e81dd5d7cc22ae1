#include <covey/master/handover.hpp>

#include "support/catch.hpp"

#include <vector>

namespace handover_test {

using namespace covey;
using namespace covey::supervision;

namespace {

// `count` connections from one listener; what tells them apart is in `rejections`.
void add(handover& to, std::uint32_t count, std::uint32_t listener = 0)
{
    for (std::uint32_t i = 0; i != count; ++i)
        to.add({nullptr, listener, static_cast<std::uint32_t>(to.size()), std::nullopt});
}

// Sends everything; how many connections each message had.
std::vector<std::size_t> send_all(handover& from)
{
    std::vector<std::size_t> out;
    while (auto const parcel = from.next()) {
        out.push_back(parcel->handles.size());
        from.left(*parcel);
    }
    return out;
}

} // namespace

TEST_CASE("connections that wait together leave in one message", "[master][handover]")
{
    handover books;
    add(books, handover::message_max + 3);
    CHECK(books.next()->message.ticket == 1);
    CHECK(books.next()->message.ticket == 1); // until it has left
    CHECK(send_all(books) == std::vector<std::size_t>{handover::message_max, 3});
    CHECK_FALSE(books.next());
    CHECK(books.size() == handover::message_max + 3);
}

TEST_CASE("a message has connections of one listener only", "[master][handover]")
{
    handover books;
    add(books, 2, 0);
    add(books, 3, 1);
    CHECK(books.next()->message.listener == 0);
    CHECK(send_all(books) == std::vector<std::size_t>{2, 3});
}

TEST_CASE("an acknowledgement counts for every connection before it", "[master][handover]")
{
    handover books;
    add(books, 5);
    send_all(books);
    REQUIRE(books.rejected(2));
    CHECK_FALSE(books.rejected(2)); // once
    CHECK(books.accepted(3) == 2);
    CHECK(books.accepted(3) == 0);
    CHECK(books.size() == 2);
    CHECK_FALSE(books.rejected(1));
}

TEST_CASE("a worker cannot answer for what it was not sent", "[master][handover]")
{
    handover books;
    add(books, 3);
    CHECK(books.accepted(3) == 0);
    CHECK_FALSE(books.rejected(1));
    send_all(books);
    add(books, 2);
    CHECK_FALSE(books.rejected(4));
    CHECK(books.accepted(~std::uint64_t{0}) == 0);
    CHECK(books.accepted(4) == 0);
    CHECK(books.size() == 5);
    CHECK(books.accepted(3) == 3);
}

TEST_CASE("what a worker has not taken goes back in its order, sent or not", "[master][handover]")
{
    handover books;
    add(books, 4);
    send_all(books);
    books.accepted(1);
    add(books, 1);
    auto const back = books.take_all();
    std::vector<std::uint32_t> order;
    for (auto const& one : back)
        order.push_back(one.rejections);
    CHECK(order == std::vector<std::uint32_t>{1, 2, 3, 3}); // the last was added when there were 3
    CHECK(books.size() == 0);
    CHECK_FALSE(books.next());
}

} // namespace handover_test
