// What nobody can share. It does not compile; refused.cmake compiles it and holds the errors
// against the sentences in it: as many errors as there are sentences, each one of them, so a
// mistake of a user's is told by one sentence and no other. A type is told of once in a program, so
// no two fields have the same flaw of the same type.
#include <atomic>
#include <chrono>
#include <covey/shm/blob_map.hpp>
#include <covey/shm/blob_value.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/queue.hpp>
#include <covey/shm/ring.hpp>
#include <covey/shm/value.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace refused {

struct with_pointer
{
    char const* name = nullptr;
};
BOOST_DESCRIBE_STRUCT(with_pointer, (), (name))

struct with_string
{
    std::int64_t points = 0;
    std::string name{};
};
BOOST_DESCRIBE_STRUCT(with_string, (), (points, name))

struct outer // the flaw is two levels below
{
    std::array<std::optional<with_string>, 2> two{};
};
BOOST_DESCRIBE_STRUCT(outer, (), (two))

struct with_vector
{
    std::vector<float> numbers{};
};
BOOST_DESCRIBE_STRUCT(with_vector, (), (numbers))

struct with_characters
{
    char name[16] = {};
};
BOOST_DESCRIBE_STRUCT(with_characters, (), (name))

struct with_time
{
    std::chrono::steady_clock::time_point when{};
};
BOOST_DESCRIBE_STRUCT(with_time, (), (when))

struct with_atomic
{
    std::atomic<int> count{0};
};
BOOST_DESCRIBE_STRUCT(with_atomic, (), (count))

struct with_long_double
{
    long double number = 0;
};
BOOST_DESCRIBE_STRUCT(with_long_double, (), (number))

union either {
    int a;
    float b;
};

struct with_virtual
{
    virtual int number() const { return 0; }
    int own = 0;
};
BOOST_DESCRIBE_STRUCT(with_virtual, (), (own))

struct with_destructor
{
    ~with_destructor() {}
    int number = 0;
};
BOOST_DESCRIBE_STRUCT(with_destructor, (), (number))

struct undescribed
{
    int number = 0;
};

struct base
{
    int number = 0;
};
BOOST_DESCRIBE_STRUCT(base, (), (number))

struct derived : base
{
    int more = 0;
};
BOOST_DESCRIBE_STRUCT(derived, (base), (more))

struct empty
{};
BOOST_DESCRIBE_STRUCT(empty, (), ())

struct not_made_of_nothing
{
    explicit not_made_of_nothing(int from)
        : number{from}
    {}
    int number;
};
BOOST_DESCRIBE_STRUCT(not_made_of_nothing, (), (number))

struct forgetful
{
    std::int64_t told = 0;
    std::int64_t untold = 0;
};
BOOST_DESCRIBE_STRUCT(forgetful, (), (told))

struct forgetful_within_padding
{
    std::int8_t told = 0;
    std::int8_t untold = 0;
    std::optional<std::int64_t> also_told{};
    covey::text<8> told_too{};
};
BOOST_DESCRIBE_STRUCT(forgetful_within_padding, (), (told, also_told, told_too))

struct [[gnu::packed]] packed
{
    std::int8_t small = 0;
    std::int64_t large = 0;
};
BOOST_DESCRIBE_STRUCT(packed, (), (small, large))

struct alignas(16) aligned
{
    std::array<std::int64_t, 2> numbers{};
};
BOOST_DESCRIBE_STRUCT(aligned, (), (numbers))

struct huge
{
    std::array<std::int64_t, 8193> numbers{};
};
BOOST_DESCRIBE_STRUCT(huge, (), (numbers))

struct point
{
    std::int32_t x = 0;
    std::int32_t y = 0;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

struct rows : covey::state
{
    // refused: a pointer or a reference means nothing in another process
    covey::value<int*> a1{*this, "a1"};
    // refused: a pointer or a reference means nothing in another process
    covey::value<with_pointer> a2{*this, "a2"};
    // refused: a std::string has its characters outside of the row
    covey::ring<std::u8string> a3{*this, "a3", covey::capacity{1}};
    // refused: a std::string has its characters outside of the row
    covey::map<int, std::string_view> a4{*this, "a4", covey::capacity{1}};
    // refused: a std::string has its characters outside of the row
    covey::value<outer> a5{*this, "a5"};
    // refused: a std::vector has its elements outside of the row
    covey::value<std::vector<int>> a6{*this, "a6"};
    // refused: a std::vector has its elements outside of the row
    covey::value<with_vector> a7{*this, "a7"};
    // refused: an array in a row is a std::array<T, N>, one of characters a covey::text<N>
    covey::value<with_characters> a8{*this, "a8"};
    // refused: a time or a duration is kept as a number
    covey::value<std::chrono::seconds> a9{*this, "a9"};
    // refused: a time or a duration is kept as a number
    covey::value<with_time> b1{*this, "b1"};
    // refused: nothing in a row is atomic by itself
    covey::value<with_atomic> b2{*this, "b2"};
    // refused: a number in a row has 8 bytes at most
    covey::value<with_long_double> b3{*this, "b3"};
    // refused: a union does not tell which of its members there is
    covey::value<either> b4{*this, "b4"};
    // refused: a type with virtual functions holds a pointer
    covey::value<with_virtual> b5{*this, "b5"};
    // refused: this type has a destructor, a copy or an assignment of its own
    covey::value<with_destructor> b6{*this, "b6"};
    // refused: this type has a destructor, a copy or an assignment of its own
    covey::value<std::unique_ptr<int>> b7{*this, "b7"};
    // refused: this type has a destructor, a copy or an assignment of its own
    covey::value<std::map<int, int>> b8{*this, "b8"};
    // refused: this type has a destructor, a copy or an assignment of its own
    covey::value<std::pair<int, int>> b9{*this, "b9"};
    // refused: a struct in a row is described where it is declared
    covey::value<undescribed> c1{*this, "c1"};
    // refused: a struct in a row has no base
    covey::value<derived> c3{*this, "c3"};
    // refused: a struct in a row has at least one member
    covey::map<int, empty> c4{*this, "c4", covey::capacity{1}};
    // refused: a row has a default constructor
    covey::ring<not_made_of_nothing> c5{*this, "c5", covey::capacity{1}};
    // refused: a struct in a row is described with all of its members
    covey::value<forgetful> c6{*this, "c6"};
    // refused: a struct in a row is described with all of its members
    covey::value<forgetful_within_padding> c7{*this, "c7"};
    // refused: a struct in a row is described with all of its members
    covey::value<packed> c8{*this, "c8"};
    // refused: a row is aligned to 8 bytes at most
    covey::value<aligned> c9{*this, "c9"};
    // refused: a row has 64 KiB at most
    covey::value<huge> d1{*this, "d1"};
    // refused: an array in a row has at least one element
    covey::value<std::array<int, 0>> d2{*this, "d2"};
    // refused: a covey::string<N> or covey::blob<N> is the whole row of a map or a value
    covey::ring<covey::string<10>> d3{*this, "d3", covey::capacity{1}};
    // refused: a covey::string<N> or covey::blob<N> is the whole row of a map or a value
    covey::queue<covey::blob<10>> d4{*this, "d4", covey::capacity{1}};
    // refused: has at most 1 to 2^30 bytes
    covey::map<int, covey::string<0>> d5{*this, "d5", covey::capacity{1}};
};

struct keys : covey::state
{
    // refused: a std::string has its characters outside of the row
    covey::map<std::wstring, int> a1{*this, "a1", covey::capacity{1}};
    // refused: a key is an integer, an enum
    covey::map<double, int> a2{*this, "a2", covey::capacity{1}};
    // refused: a key is an integer, an enum
    covey::map<point, int> a3{*this, "a3", covey::capacity{1}};
    // refused: a key is an integer, an enum
    covey::map<std::optional<int>, covey::string<10>> a4{*this, "a4", covey::capacity{1}};
    // refused: a key has 216 bytes at most
    covey::map<covey::text<215>, int> a5{*this, "a5", covey::capacity{1}};
    // refused: a pointer or a reference means nothing in another process
    covey::map<void const*, int> a6{*this, "a6", covey::capacity{1}};
};

} // namespace refused
