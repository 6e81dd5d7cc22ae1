// Shared memory, and what wakes: an eventfd, a futex, or nothing.
#include "conduct.hpp"
#include "floor_parts.hpp"
#include "floors.hpp"
#include "taker.hpp"

#include <atomic>
#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <climits>
#include <linux/futex.h>
#include <new>
#include <string>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace covey::bench {

namespace {

constexpr std::int64_t places = 4'096;

// A sender puts changes into places and then tells how many there are; it waits while a receiver
// is as many behind as there are places.
class change_places
{
  public:
    explicit change_places(run const& made)
        : stride_{(made.payload + 63U) / 64 * 64}
        , payload_{made.payload}
        , memory_{boost::interprocess::anonymous_shared_memory(sizeof(counts) + places * stride_)}
        , counts_{new (memory_.get_address()) counts}
    {}

    void put(std::vector<std::byte> const& change)
    {
        auto const at = counts_->made.load(std::memory_order_relaxed);
        std::memcpy(place(at), change.data(), change.size());
        counts_->made.store(at + 1, std::memory_order_release);
    }
    std::uint32_t made() const { return counts_->made.load(std::memory_order_acquire); }

    // Copies the change out.
    std::byte const* get(std::uint32_t at, std::vector<std::byte>& to) const
    {
        std::memcpy(to.data(), place(at), payload_);
        return to.data();
    }

    std::atomic<std::uint32_t>& word() { return counts_->made; } // a futex

  private:
    struct counts
    {
        alignas(64) std::atomic<std::uint32_t> made{0}; // warm-ups included
        std::byte rest[60];
    };
    std::byte* place(std::uint32_t at) const
    {
        return reinterpret_cast<std::byte*>(counts_ + 1) +
               static_cast<std::size_t>(at % places) * stride_;
    }

    std::size_t stride_;
    std::size_t payload_;
    boost::interprocess::mapped_region memory_;
    counts* counts_;
};

template <class Wake>
void send_by_memory(board& shared, run const& made, change_places& changes, Wake wake)
{
    change_bytes change{made.payload};
    send_all(shared, made, [&](std::int64_t sequence) {
        while (!shared.all_saw(made, sequence - places + warm_ups))
            relax();
        changes.put(change.of(sequence));
        wake();
    });
}

// `sleep(seen)` is called when no change is there beyond those.
template <class Sleep>
void receive_by_memory(board& shared, run const& made, std::uint32_t nth, change_places& changes,
                       Sleep sleep)
{
    taker taking{shared, made, nth};
    std::vector<std::byte> copy(made.payload);
    for (std::uint32_t taken = 0; !taking.is_done(); sleep(taken))
        for (auto const end = changes.made(); taken != end; ++taken) {
            auto const entered = now_ns();
            taking.take(change_bytes::sequence_in(changes.get(taken, copy)), entered);
        }
}

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value)
{
    return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, nullptr,
                     nullptr, 0);
}

void ring(handle const& bell)
{
    std::uint64_t const one = 1;
    if (::write(bell.get(), &one, sizeof one) != sizeof one)
        fail("write to an eventfd");
}

class bell_watch
{
  public:
    explicit bell_watch(handle const& bell)
        : bell_{bell}
        , epoll_{epoll_of(bell.get())}
    {}
    void wait() const
    {
        wait_on(epoll_);
        std::uint64_t count = 0;
        if (::read(bell_.get(), &count, sizeof count) != sizeof count)
            fail("read of an eventfd");
    }

  private:
    handle const& bell_;
    handle epoll_;
};

} // namespace

outcome run_memory_floor(run made, std::chrono::milliseconds limit, scratch const&)
{
    auto shared = board::create(made);
    change_places changes{made};
    std::vector<handle> bells;
    if (made.lane == "raw-eventfd")
        for (std::uint32_t i = 0; i != made.receivers; ++i)
            bells.emplace_back(::eventfd(0, EFD_CLOEXEC));

    auto const receive = [&](std::uint32_t nth) {
        if (made.lane == "futex")
            return receive_by_memory(shared, made, nth, changes, [&](std::uint32_t seen) {
                futex(changes.word(), FUTEX_WAIT, seen);
            });
        if (made.lane == "raw-spin")
            return receive_by_memory(shared, made, nth, changes, [](std::uint32_t) { relax(); });
        bell_watch const watch{bells[nth]};
        receive_by_memory(shared, made, nth, changes, [&](std::uint32_t) { watch.wait(); });
    };
    auto const send = [&] {
        send_by_memory(shared, made, changes, [&] {
            if (made.lane == "futex")
                futex(changes.word(), FUTEX_WAKE, INT_MAX);
            for (auto const& bell : bells)
                ring(bell);
        });
    };
    std::vector<child> processes;
    for (std::uint32_t i = 0; i != made.receivers; ++i)
        processes.push_back(process_of(made, i + 1, [&] { receive(i); }));
    processes.push_back(process_of(made, sender_place, send));
    return conduct(shared, made, processes, limit);
}

} // namespace covey::bench
