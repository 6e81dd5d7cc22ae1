// play: what every player of this program does: the loop that is timed, on rows and dice.
//
// A store is opened by each process for itself and has put(key, row) and get(key, row), which
// copies the row out and says whether it was there. The key is made anew for every operation, as a
// request would bring it; its making is part of what is timed, the same for all.
#pragma once

#include "order.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <harness_rows.hpp>
#include <stdexcept>
#include <vector>

namespace covey::bench {

// Calls `operation` from the order's start until its end; a sample is a batch's mean. The first
// quarter, and eight batches at least, are to warm caches and are not counted.
template <class Operation>
std::vector<double> timed(order const& wanted, unsigned batch, Operation operation)
{
    constexpr int warm_batches = 8;
    constexpr std::size_t least = 2;
    while (now_ns() < wanted.start_ns)
        ;
    auto const counted = wanted.start_ns + wanted.length_ns / 4;
    auto const end = wanted.start_ns + wanted.length_ns;
    std::vector<double> out;
    auto before = now_ns();
    for (int done = 0; before < end || out.size() < least; ++done) {
        for (unsigned i = 0; i != batch; ++i)
            operation();
        auto const after = now_ns();
        if (before >= counted && done >= warm_batches)
            out.push_back(static_cast<double>(after - before) / batch);
        before = after;
    }
    return out;
}

inline constexpr unsigned mix_batch = 1'024;
inline constexpr std::chrono::minutes fill_limit{2};

template <class Store>
std::vector<double> play_mix(order const& wanted, unsigned batch, Store& store, std::uint64_t keys,
                             dice& drawn)
{
    auto const written = row_of('y');
    row found{};
    auto out = timed(wanted, batch, [&] {
        key_name const key{drawn.below(keys)};
        if (wanted.writes_percent != 0 && drawn.below(100) < wanted.writes_percent)
            store.put(key.view(), written);
        else if (!store.get(key.view(), found))
            throw std::runtime_error{"a key is missing"};
    });
    asm volatile("" : : "r"(found.data()) : "memory"); // the rows are wanted
    return out;
}

// Plays whatever mix is ordered, until dismissed.
template <class Store>
void play_all(player_socket& orders, unsigned player, Store& store, std::uint64_t keys,
              unsigned batch = mix_batch)
{
    dice drawn{player + 1};
    while (auto const wanted = orders.next())
        orders.answer(play_mix(*wanted, batch, store, keys, drawn));
}

} // namespace covey::bench
