#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace {

std::atomic<std::size_t> made_count{0};
std::atomic<std::size_t> held_bytes{0};

void* counted(void* memory)
{
    if (memory == nullptr)
        throw std::bad_alloc{};
    made_count.fetch_add(1, std::memory_order_relaxed);
    held_bytes.fetch_add(::malloc_usable_size(memory), std::memory_order_relaxed);
    return memory;
}

void uncounted(void* memory) noexcept
{
    if (memory != nullptr)
        held_bytes.fetch_sub(::malloc_usable_size(memory), std::memory_order_relaxed);
    std::free(memory);
}

} // namespace

namespace covey::test::allocations {

std::size_t made()
{
    return made_count;
}

std::size_t bytes_held()
{
    return held_bytes;
}

} // namespace covey::test::allocations

// The library's other forms call these.
void* operator new(std::size_t bytes)
{
    return counted(std::malloc(bytes == 0 ? 1 : bytes));
}
void* operator new(std::size_t bytes, std::align_val_t alignment)
{
    return counted(std::aligned_alloc(static_cast<std::size_t>(alignment), bytes));
}
// A sanitizer's library has forms of its own that do not.
void* operator new(std::size_t bytes, std::nothrow_t const&) noexcept
{
    return ::operator new(bytes);
}
void* operator new[](std::size_t bytes)
{
    return ::operator new(bytes);
}
void* operator new[](std::size_t bytes, std::nothrow_t const&) noexcept
{
    return ::operator new(bytes);
}
void operator delete[](void* memory) noexcept
{
    uncounted(memory);
}
void operator delete[](void* memory, std::size_t) noexcept
{
    uncounted(memory);
}
void operator delete(void* memory) noexcept
{
    uncounted(memory);
}
void operator delete(void* memory, std::size_t) noexcept
{
    uncounted(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept
{
    uncounted(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept
{
    uncounted(memory);
}
