#include "gauge.hpp"

#include "detail/participant_core.hpp"
#include "lanes.hpp"

namespace covey {

gauge::gauge(state& owner, std::string name)
    : field{owner, {.name = std::move(name), .kind = field_kind::gauge, .row_type = "i64"}}
{}

void gauge::add(std::int64_t much)
{
    set(static_cast<std::int64_t>(static_cast<std::uint64_t>(share()) +
                                  static_cast<std::uint64_t>(much)));
}

void gauge::subtract(std::int64_t much)
{
    set(static_cast<std::int64_t>(static_cast<std::uint64_t>(share()) -
                                  static_cast<std::uint64_t>(much)));
}

void gauge::set(std::int64_t share)
{
    auto& me = who();
    shm::lane_of(*me.memory, places(), me.block)
        .store(static_cast<std::uint64_t>(share), std::memory_order_relaxed);
    me.tell_of_word(index());
}

std::int64_t gauge::share() const
{
    auto& me = who();
    return static_cast<std::int64_t>(
        shm::lane_of(*me.memory, places(), me.block).load(std::memory_order_relaxed));
}

std::int64_t gauge::get() const
{
    auto& me = who();
    return static_cast<std::int64_t>(shm::sum_of(*me.memory, places()));
}

} // namespace covey
