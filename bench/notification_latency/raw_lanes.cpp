#include "lanes.hpp"

#include <array>
#include <atomic>
#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <cerrno>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <harness_child.hpp>
#include <memory>
#include <new>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

// What the processes of a run share; every run has a new one.
struct common
{
    static constexpr std::int64_t places = 4'096; // a sender at 1 kHz may be 4 s ahead

    alignas(64) std::atomic<std::int64_t> sent{0}; // warm-ups included
    alignas(64) std::atomic<std::int64_t> warmed_up{0};
    std::atomic<std::int64_t> seen{0};
    alignas(64) std::array<stamp, places> changes{};
};

[[noreturn]] void fail(char const* what)
{
    throw std::system_error{errno, std::system_category(), what};
}

handle epoll_of(handle const& watched)
{
    handle out{::epoll_create1(EPOLL_CLOEXEC)};
    epoll_event wanted{.events = EPOLLIN, .data = {}};
    if (!out.is_open() || ::epoll_ctl(out.get(), EPOLL_CTL_ADD, watched.get(), &wanted) != 0)
        fail("epoll");
    return out;
}

void wait(handle const& epoll)
{
    epoll_event told{};
    while (::epoll_wait(epoll.get(), &told, 1, -1) != 1)
        if (errno != EINTR)
            fail("epoll_wait");
}

// ---- both ends, whatever lies between them
// ---------------------------------------------------------

template <class Send>
void send_all(common& shared, run const& made, Send send)
{
    auto const change = [&](std::int64_t sequence) {
        send(stamp{.sent_ns = now_ns(), .sequence = sequence});
    };
    timespec next{};
    ::clock_gettime(CLOCK_MONOTONIC, &next);
    auto const sleep = [&] {
        constexpr long second = 1'000'000'000;
        next.tv_nsec += std::chrono::nanoseconds{pace}.count();
        next.tv_sec += next.tv_nsec / second;
        next.tv_nsec %= second;
        while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr) == EINTR)
            ;
    };
    for (; shared.warmed_up.load() < warm_ups; sleep())
        change(0);
    for (std::int64_t sent = 0; sent != made.samples;) {
        if (!made.flat_out)
            sleep();
        else
            while (sent - shared.seen.load(std::memory_order_acquire) >= window)
                relax();
        change(++sent);
    }
}

class receiver
{
  public:
    receiver(common& shared, run const& made)
        : shared_{shared}
        , file_{made.file}
        , notes_{made.samples}
    {}

    // Whether it was the last one.
    bool take(stamp const& change)
    {
        auto const now = now_ns();
        if (change.sequence == 0) {
            shared_.warmed_up.fetch_add(1);
            return false;
        }
        bool const last = notes_.take(change, now);
        shared_.seen.fetch_add(1, std::memory_order_release);
        if (last)
            notes_.save(file_);
        return last;
    }

  private:
    common& shared_;
    std::string file_;
    note_taker notes_;
};

// ---- shared memory: raw-eventfd and raw-spin
// -------------------------------------------------------

// `wake` is called when a change is there, `sleep` when there is none.
template <class Wake>
void send_by_memory(common& shared, run const& made, Wake wake)
{
    send_all(shared, made, [&](stamp const& change) {
        auto const at = shared.sent.load(std::memory_order_relaxed);
        shared.changes[static_cast<std::size_t>(at % common::places)] = change;
        shared.sent.store(at + 1, std::memory_order_release);
        wake();
    });
}

template <class Sleep>
void receive_by_memory(common& shared, run const& made, Sleep sleep)
{
    receiver taker{shared, made};
    for (std::int64_t taken = 0;; sleep())
        for (auto const end = shared.sent.load(std::memory_order_acquire); taken != end; ++taken)
            if (taker.take(shared.changes[static_cast<std::size_t>(taken % common::places)]))
                return;
}

void send_ringing(common& shared, run const& made, handle const& bell)
{
    send_by_memory(shared, made, [&] {
        std::uint64_t const one = 1;
        if (::write(bell.get(), &one, sizeof one) != sizeof one)
            fail("write to an eventfd");
    });
}

void receive_rung(common& shared, run const& made, handle const& bell)
{
    auto const epoll = epoll_of(bell);
    receive_by_memory(shared, made, [&] {
        wait(epoll);
        std::uint64_t count = 0;
        if (::read(bell.get(), &count, sizeof count) != sizeof count)
            fail("read of an eventfd");
    });
}

// ---- two sockets: raw-socket
// -----------------------------------------------------------------------

// About as long as a relayed change of the same row is on a covey channel.
struct frame
{
    stamp change;
    std::array<std::byte, 24> rest{};
};
static_assert(sizeof(frame) == 40);

using socket_pair = std::pair<handle, handle>;

socket_pair connected()
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        fail("socketpair");
    return {handle{ends[0]}, handle{ends[1]}};
}

void write_all(handle const& socket, std::byte const* bytes, std::size_t count)
{
    while (count != 0) {
        auto const written = ::send(socket.get(), bytes, count, MSG_NOSIGNAL);
        if (written < 0)
            fail("send");
        bytes += written;
        count -= static_cast<std::size_t>(written);
    }
}

using socket_buffer = std::array<std::byte, 65'536>;

// What there is; 0 when the other end has gone.
std::size_t read_some(handle const& epoll, handle const& socket, std::byte* to, std::size_t most)
{
    wait(epoll);
    auto const count = ::recv(socket.get(), to, most, 0);
    if (count < 0)
        fail("recv");
    return static_cast<std::size_t>(count);
}

void relay(handle const& from, handle const& to)
{
    auto const epoll = epoll_of(from);
    auto const buffer = std::make_unique<socket_buffer>();
    while (auto const count = read_some(epoll, from, buffer->data(), buffer->size()))
        write_all(to, buffer->data(), count);
}

void receive_from(common& shared, run const& made, handle const& socket)
{
    receiver taker{shared, made};
    auto const epoll = epoll_of(socket);
    auto const buffer = std::make_unique<socket_buffer>();
    for (std::size_t have = 0;;) {
        auto const count = read_some(epoll, socket, buffer->data() + have, buffer->size() - have);
        if (count == 0)
            throw std::runtime_error{"the relay has gone"};
        have += count;
        std::size_t at = 0;
        for (; have - at >= sizeof(frame); at += sizeof(frame)) {
            frame one;
            std::memcpy(&one, buffer->data() + at, sizeof one);
            if (taker.take(one.change))
                return;
        }
        have -= at;
        std::memmove(buffer->data(), buffer->data() + at, have);
    }
}

void send_to(common& shared, run const& made, handle const& socket)
{
    send_all(shared, made, [&](stamp const& change) {
        frame const one{.change = change};
        write_all(socket, reinterpret_cast<std::byte const*>(&one), sizeof one);
    });
}

// ---- the processes
// ---------------------------------------------------------------------------------

// A process of the run, on its CPU when CPUs are given out.
template <class Body>
child process(run const& made, unsigned cpu, Body body)
{
    return child{[&] {
        if (made.pinned)
            pin_to_cpu(cpu);
        body();
    }};
}

constexpr unsigned sender_cpu = 0;
constexpr unsigned receiver_cpu = 1;

} // namespace

void run_raw_lane(run const& made, std::chrono::milliseconds limit)
{
    auto const memory = boost::interprocess::anonymous_shared_memory(sizeof(common));
    auto& shared = *new (memory.get_address()) common;
    auto const at_receiver = [&](auto body) { return process(made, receiver_cpu, body); };
    auto const at_sender = [&](auto body) { return process(made, sender_cpu, body); };

    if (made.lane == "raw-socket") {
        auto const in = connected();
        auto const out = connected();
        auto b = at_receiver([&] { receive_from(shared, made, out.second); });
        child const m{[&] { relay(in.second, out.first); }};
        auto const a = at_sender([&] { send_to(shared, made, in.first); });
        b.wait(limit);
    } else if (made.lane == "raw-spin") {
        auto b = at_receiver([&] { receive_by_memory(shared, made, relax); });
        auto const a = at_sender([&] { send_by_memory(shared, made, [] {}); });
        b.wait(limit);
    } else {
        handle const bell{::eventfd(0, EFD_CLOEXEC)};
        auto b = at_receiver([&] { receive_rung(shared, made, bell); });
        auto const a = at_sender([&] { send_ringing(shared, made, bell); });
        b.wait(limit);
    }
}

} // namespace covey::bench
