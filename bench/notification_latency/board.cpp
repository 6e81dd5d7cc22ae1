#include "board.hpp"

#include "harness_fail.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

std::size_t arrivals_of(run const& made)
{
    return made.receivers > 1 ? static_cast<std::size_t>(made.samples) : 0;
}

template <class T>
T* make(std::byte* at, std::size_t count, bool is_new)
{
    auto* const first = reinterpret_cast<T*>(at);
    if (is_new)
        std::uninitialized_value_construct_n(first, count);
    return std::launder(first);
}

} // namespace

board::board(handle memory, run const& made, bool is_new)
    : memory_{std::move(memory)}
    , bytes_{sizeof(common_notes) + made.receivers * sizeof(receiver_notes) +
             arrivals_of(made) * sizeof(arrival_notes)}
{
    if (is_new && ::ftruncate(memory_.get(), static_cast<off_t>(bytes_)) != 0)
        fail("make room for a run's notes");
    address_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
    if (address_ == MAP_FAILED)
        fail("map a run's notes");
    auto* at = static_cast<std::byte*>(address_);
    common_ = make<common_notes>(at, 1, is_new);
    at += sizeof(common_notes);
    receivers_ = make<receiver_notes>(at, made.receivers, is_new);
    at += made.receivers * sizeof(receiver_notes);
    arrivals_ = make<arrival_notes>(at, arrivals_of(made), is_new);
}

board board::create(run const& wanted)
{
    handle memory{::memfd_create("notification_latency", MFD_CLOEXEC)};
    if (!memory.is_open())
        fail("memfd_create");
    return {std::move(memory), wanted, true};
}

board board::attach(run const& made)
{
    handle memory{::open(made.board.c_str(), O_RDWR | O_CLOEXEC)};
    if (!memory.is_open())
        fail("open a run's notes");
    return {std::move(memory), made, false};
}

board::board(board&& other) noexcept
    : memory_{std::move(other.memory_)}
    , bytes_{other.bytes_}
    , address_{std::exchange(other.address_, nullptr)}
    , common_{other.common_}
    , receivers_{other.receivers_}
    , arrivals_{other.arrivals_}
{}

board::~board()
{
    if (address_ != nullptr)
        ::munmap(address_, bytes_);
}

std::string board::path() const
{
    return fmt::format("/proc/{}/fd/{}", ::getpid(), memory_.get());
}

void board::touch() const
{
#ifdef MADV_POPULATE_WRITE
    ::madvise(address_, bytes_, MADV_POPULATE_WRITE); // without it pages come when they are needed
#endif
}

bool board::all_warmed_up(run const& made) const
{
    for (std::uint32_t i = 0; i != made.receivers; ++i)
        if (receivers_[i].warmed_up.load(std::memory_order_relaxed) < warm_ups)
            return false;
    return true;
}

bool board::all_saw(run const& made, std::int64_t sequence) const
{
    for (std::uint32_t i = 0; i != made.receivers; ++i)
        if (receivers_[i].seen.load(std::memory_order_acquire) < sequence)
            return false;
    return true;
}

} // namespace covey::bench
