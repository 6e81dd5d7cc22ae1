// What an operation on the state may not cost: a system call or an allocation. A child that has
// forbidden itself every system call but its exit does one operation of each kind after the other.
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <covey/shm/blob_map.hpp>
#include <covey/shm/blob_value.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/extreme.hpp>
#include <covey/shm/gauge.hpp>
#include <covey/shm/histogram.hpp>
#include <covey/shm/leader.hpp>
#include <covey/shm/lock.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/rate_limiter.hpp>
#include <covey/shm/value.hpp>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <new>
#include <span>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <vector>

namespace {

std::atomic<int> allocations{0};

} // namespace

// For the whole of this test program.
void* operator new(std::size_t bytes)
{
    ++allocations;
    if (auto* const made = std::malloc(bytes))
        return made;
    throw std::bad_alloc{};
}
void operator delete(void* made) noexcept
{
    std::free(made);
}
void operator delete(void* made, std::size_t) noexcept
{
    std::free(made);
}

namespace {

struct row
{
    std::int64_t number = 0;
    covey::text<40> words;
};
BOOST_DESCRIBE_STRUCT(row, (), (number, words))

struct everything : covey::state
{
    covey::counter hits{*this, "hits"};
    covey::gauge level{*this, "level"};
    covey::maximum most{*this, "most"};
    covey::histogram sizes{*this, "sizes", {.highest = 1'000, .precision_bits = 3}};
    covey::rate_limiter posts{*this, "posts", {.events = 5, .each = std::chrono::seconds{1}}};
    covey::lock turn{*this, "turn"};
    covey::leader chief{*this, "chief"};
    covey::value<row> setting{*this, "setting"};
    covey::map<covey::text<16>, row> rows{*this, "rows", covey::capacity{64}};
    covey::map<covey::text<16>, covey::string<10'000>> pages{*this, "pages", covey::capacity{4}};
    covey::value<covey::blob<10'000>> front{*this, "front"};
};

std::array<char, 10'000> large{};

struct operation
{
    char const* name;
    void (*run)(everything&);
};

std::vector<operation> const& operations()
{
    static std::vector<operation> const all{
        {"add to a counter", [](everything& of) { of.hits.add(); }},
        {"read a counter", [](everything& of) { of.hits.get(); }},
        {"set a gauge", [](everything& of) { of.level.set(3); }},
        {"record a maximum", [](everything& of) { of.most.record(9); }},
        {"record in a histogram", [](everything& of) { of.sizes.record(700); }},
        {"take from a rate limiter", [](everything& of) { of.posts.take(); }},
        {"hold a lock and give it back", [](everything& of) { of.turn.try_hold(); }},
        {"lead", [](everything& of) { of.chief.run(); }},
        {"put a value",
         [](everything& of) {
             of.setting.put({1, "a"});
         }},
        {"get a value", [](everything& of) { of.setting.get(); }},
        {"update a value",
         [](everything& of) {
             of.setting.update([](row now) {
                 ++now.number;
                 return now;
             });
         }},
        {"put a new row",
         [](everything& of) {
             of.rows.put("key", {1, "first"});
         }},
        {"get a row", [](everything& of) { of.rows.get("key"); }},
        {"look for a row that is not there", [](everything& of) { of.rows.get("nobody"); }},
        {"put a row again",
         [](everything& of) {
             of.rows.put("key", {2, "second"});
         }},
        {"erase a row", [](everything& of) { of.rows.erase("key"); }},
        {"put a new value of any size",
         [](everything& of) {
             of.pages.put("key", {large.data(), 9'000});
         }},
        {"read it into a buffer", [](everything& of) { of.pages.read("key", large); }},
        {"put it longer",
         [](everything& of) {
             of.pages.put("key", {large.data(), 10'000});
         }},
        {"erase it", [](everything& of) { of.pages.erase("key"); }},
        {"put a single value of any size",
         [](everything& of) { of.front.put(std::as_bytes(std::span{large})); }},
        {"read that into a buffer",
         [](everything& of) { of.front.read(std::as_writable_bytes(std::span{large})); }},
    };
    return all;
}

// From now on any system call but the exit kills the process.
void forbid_system_calls()
{
    sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    sock_fprog const program{.len = std::size(rules), .filter = rules};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        ::_exit(100);
}

// What `body` makes of a child that may make no system call.
int status_of(std::function<void()> const& body)
{
    auto const child = ::fork();
    if (child == 0) {
        forbid_system_calls();
        body();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

} // namespace

TEST_CASE("no operation on the state makes a system call or allocates")
{
    covey::test::test_segment<everything> where{3};
    auto const me = where.join(1);
    // Each alone, so that a failure has a name; those before it have been done by the parent.
    for (auto const& each : operations()) {
        INFO(each.name);
        CHECK(status_of([&] { each.run(me->view); }) == 0);
        auto const before = allocations.load();
        each.run(me->view);
        auto const after = allocations.load();
        CHECK(after == before);
    }
}

TEST_CASE("the system calls of a child that may make none are noticed")
{
    int const status = status_of([] { ::getppid(); });
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS));
}
