// Deaths that are not a plain SIGKILL, and what comes after one: the kernel's, when a cgroup has no
// memory left, and a stranger who gets the dead one's pid.
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/test_segment.hpp"

#include <algorithm>
#include <array>
#include <covey/shm/inspect.hpp>
#include <covey/shm/map.hpp>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace deaths_test {

namespace {

struct ledger : covey::state
{
    covey::map<std::uint64_t, std::uint64_t> rows{*this, "rows", covey::capacity{16}};
};
using world = covey::test::test_segment<ledger>;

constexpr std::uint32_t victim_block = 0;
constexpr std::uint32_t own_block = 1;
constexpr std::uint32_t stranger_block = 2;

// A child that joins the block and does `what` there.
pid_t start(world const& where, std::uint32_t block, std::function<void(ledger&)> const& what)
{
    auto const child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        auto const me = where.join(block);
        what(me->view);
        ::_exit(0);
    }
    REQUIRE(child > 0);
    return child;
}

int end_of(pid_t child)
{
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

bool was_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

// A write of row 1 whose function, which runs under the lock, does not come back.
auto dying_by(std::function<void()> const& what)
{
    return [what](ledger& view) {
        view.rows.update(1, [&](auto const&) {
            what();
            return std::optional<std::uint64_t>{2};
        });
    };
}

// Everybody goes on, the row is as it was, and the log tells this death, once.
void check_survivors(world& where, covey::test::member<ledger>& me, pid_t dead)
{
    auto& rows = me.view.rows;
    CHECK(rows.get(1) == 1);
    CHECK(rows.put(1, 3).stored());
    CHECK(where.memory.reap_block(victim_block, where.bells));
    auto const log = where.memory.repairs();
    REQUIRE(log.size() == 1);
    CHECK(log.front().where.field == rows.index());
    CHECK_FALSE(log.front().committed);
    if (log.front().was_writing)
        CHECK(log.front().dead_pid == dead);
    CHECK(rows.get(1) == 3);
    CHECK(covey::test::fsck(where.memory, rows.index()).empty());
}

// A cgroup in which there is little memory; none where this process may not make one.
class small_cgroup
{
  public:
    small_cgroup()
    {
        auto const name = "covey-test-" + std::to_string(::getpid());
        for (auto const& [root, limit, swap] :
             {std::array{"/sys/fs/cgroup/memory/", "memory.limit_in_bytes",
                         "memory.memsw.limit_in_bytes"},
              std::array{"/sys/fs/cgroup/", "memory.max", "memory.swap.max"}}) {
            std::error_code failed;
            std::filesystem::path const made{root + name};
            if (!std::filesystem::exists(std::string{root} + "cgroup.procs") ||
                !std::filesystem::create_directory(made, failed))
                continue;
            path_ = made;
            if (write(limit, "67108864")) {
                write(swap, std::string{limit} == "memory.max" ? "0" : "67108864");
                return;
            }
            leave();
        }
    }
    small_cgroup(small_cgroup const&) = delete;
    small_cgroup& operator=(small_cgroup const&) = delete;
    ~small_cgroup() { leave(); }

    bool is_there() const { return !path_.empty(); }
    bool write(std::string const& file, std::string const& text) const
    {
        std::ofstream out{path_ / file};
        out << text << std::flush;
        return out.good();
    }

  private:
    void leave()
    {
        std::error_code failed;
        if (!path_.empty())
            std::filesystem::remove(path_, failed);
        path_.clear();
    }
    std::filesystem::path path_;
};

} // namespace

TEST_CASE("a writer that the kernel kills for want of memory is repaired as any other")
{
    small_cgroup const group;
    if (!group.is_there()) {
        WARN("no memory cgroup can be made here: not tested");
        return;
    }
    world where{3};
    auto const me = where.join(own_block);
    REQUIRE(me->view.rows.put(1, 1).stored());
    auto const dead = start(where, victim_block, dying_by([&] {
                                if (!group.write("cgroup.procs", std::to_string(::getpid())))
                                    ::_exit(1);
                                for (;;) { // until there is none
                                    auto* const more = new char[1 << 20];
                                    std::fill_n(static_cast<char volatile*>(more), 1 << 20, 'x');
                                }
                            }));
    where.memory.open_block(victim_block, {.pid = dead, .id = 1, .generation = 1});
    CHECK(was_killed(end_of(dead)));
    check_survivors(where, *me, dead);
}

TEST_CASE("a process that gets a dead writer's pid is not taken for it")
{
    auto const give_next_pid = [](pid_t pid) {
        std::ofstream last{"/proc/sys/kernel/ns_last_pid"};
        last << pid - 1 << std::flush;
        return last.good();
    };
    bool const stranger_writes = GENERATE(false, true);
    // Another process of the machine may take the pid first: tried until it has been ours.
    for (int attempt = 0; attempt != 200; ++attempt) {
        world where{3};
        auto const me = where.join(own_block);
        REQUIRE(me->view.rows.put(1, 1).stored());
        auto const dead = start(where, victim_block, dying_by([] { ::raise(SIGKILL); }));
        where.memory.open_block(victim_block, {.pid = dead, .id = 1, .generation = 1});
        REQUIRE(was_killed(end_of(dead)));
        if (!give_next_pid(dead)) {
            WARN("this machine lets nobody choose the next pid: that it comes again is not tried");
            return;
        }
        auto const stranger = start(where, stranger_block, [](ledger& view) {
            ::kill(::getpid(), SIGSTOP);
            ::_exit(view.rows.put(2, 2).stored() ? 0 : 1);
        });
        int status = 0;
        REQUIRE(::waitpid(stranger, &status, WUNTRACED) == stranger);
        REQUIRE(WIFSTOPPED(status));
        if (stranger == dead) {
            auto const held = covey::inspect::open(where.memory.lend_read_only()).locks();
            REQUIRE(held.size() == 1);
            CHECK(held.front().owner_died); // though a process of that number lives
            if (stranger_writes) {          // and meets the lock that its number holds
                ::kill(stranger, SIGCONT);
                CHECK(end_of(stranger) == 0);
                CHECK(me->view.rows.get(2) == 2);
            }
            check_survivors(where, *me, dead);
        }
        if (stranger != dead || !stranger_writes) {
            ::kill(stranger, SIGKILL);
            end_of(stranger);
        }
        if (stranger == dead)
            return;
    }
    WARN("the pid never came again");
}

} // namespace deaths_test
