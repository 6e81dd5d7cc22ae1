// floor_parts: what the floors and the peers in C++ have in common: processes of a run, epoll, and
// what a change is as bytes.
#pragma once

#include "board.hpp"
#include "harness_fail.hpp"
#include "run.hpp"
#include "sending.hpp"

#include <cerrno>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <cstring>
#include <harness_child.hpp>
#include <sys/epoll.h>
#include <vector>

namespace covey::bench {

// A process of the run, on its CPU when CPUs are given out; it stays after its work.
template <class Body>
child process_of(run const& made, std::uint32_t place, Body body)
{
    return child{[&] {
        if (made.pinned)
            pin_to_cpu_of(place);
        body();
        stay();
    }};
}

inline handle epoll_of(int watched)
{
    handle out{::epoll_create1(EPOLL_CLOEXEC)};
    epoll_event wanted{.events = EPOLLIN, .data = {}};
    if (!out.is_open() || ::epoll_ctl(out.get(), EPOLL_CTL_ADD, watched, &wanted) != 0)
        fail("epoll");
    return out;
}

inline void wait_on(handle const& epoll)
{
    epoll_event told{};
    while (::epoll_wait(epoll.get(), &told, 1, -1) != 1)
        if (errno != EINTR)
            fail("epoll_wait");
}

// A change as bytes: its number, and what fills it up.
class change_bytes
{
  public:
    explicit change_bytes(std::size_t size)
        : bytes_(size)
    {}
    std::vector<std::byte> const& of(std::int64_t sequence)
    {
        std::memcpy(bytes_.data(), &sequence, sizeof sequence);
        return bytes_;
    }
    static std::int64_t sequence_in(void const* bytes)
    {
        std::int64_t out = 0;
        std::memcpy(&out, bytes, sizeof out);
        return out;
    }

  private:
    std::vector<std::byte> bytes_;
};

} // namespace covey::bench
