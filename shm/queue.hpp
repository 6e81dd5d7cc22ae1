// queue<Row>: work that is done by exactly one worker, and not lost when that worker dies.
//
// push() puts an item at the end; pop() takes the oldest and leases it to this worker, which then
// acknowledges it (done: gone for good) or gives it back. A worker that ends, however it ends, with
// items leased has them given back when the master reaps its block, milliseconds later: each item
// is delivered at least once, and once only unless a worker ended or gave it back. `deliveries`
// tells how often, so that an item that kills its workers can be put aside. An item that comes back
// takes its old place, before everything that was pushed later; so the items of a producer are
// popped in the order of their pushes. At most `capacity` items, waiting and leased together. No
// operation waits for an item: pop when on_change tells of one, until the queue is empty.
#pragma once

#include "field.hpp"
#include "fifo.hpp"
#include "refusal.hpp"
#include "row.hpp"
#include "written.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace covey {

enum class pop_result {
    popped,
    empty,
    busy,        // a living process has held the lock for 2 s: it is stopped or starved
    quarantined, // workers keep dying in the queue's operations (segment::quarantine)
};

// An item that is leased to the worker that popped it, until it is acknowledged or given back. A
// plain value: nothing happens when it goes.
template <class Row>
struct leased_item
{
    Row row{};
    std::uint64_t id = 0;         // of the push; rising in the order of pushes
    std::uint64_t deliveries = 0; // how often it has been popped, this time included
    std::uint64_t cell = 0;       // where it lies: for the queue
};

// Compares as its result, and is used as an optional item: `if (auto job = jobs.pop()) job->row`.
template <class Row>
struct popped
{
    pop_result result = pop_result::empty;
    leased_item<Row> item{}; // when popped

    explicit operator bool() const { return result == pop_result::popped; }
    leased_item<Row> const& operator*() const { return item; }
    leased_item<Row> const* operator->() const { return &item; }
};

template <class Row>
class queue : public field
{
    static_assert(detail::check_row<Row>());

  public:
    using change = queue_change;
    using item = leased_item<Row>;

    queue(state& owner, std::string name, covey::capacity room)
        : field{owner, describe(std::move(name), room)}
    {}

    // Stored, full, busy or quarantined. The revision is the item's id.
    written push(Row const& row)
    {
        std::array<std::uint64_t, row_size> words;
        detail::to_words(row, words.data());
        auto const done = items().push(words.data());
        return {shm::to_put_result(done.result, put_result::stored), done.revision};
    }

    // The oldest item that waits.
    popped<Row> pop()
    {
        std::array<std::uint64_t, 2 + row_size> slot;
        shm::item_lease taken;
        switch (items().pop(slot.data(), taken)) {
        case shm::outcome::stored:
            return {pop_result::popped,
                    {.row = detail::from_words<Row>(slot.data() + 2),
                     .id = taken.id,
                     .deliveries = taken.deliveries,
                     .cell = taken.cell}};
        case shm::outcome::busy:
            return {.result = pop_result::busy};
        case shm::outcome::quarantined:
            return {.result = pop_result::quarantined};
        default:
            return {.result = pop_result::empty};
        }
    }

    // The work is done: the item is gone for good. Missing when this worker has it no more.
    erase_result acknowledge(item const& done)
    {
        switch (items().acknowledge(lease_of(done))) {
        case shm::outcome::erased:
            return erase_result::erased;
        case shm::outcome::busy:
            return erase_result::busy;
        case shm::outcome::quarantined:
            return erase_result::quarantined;
        default:
            return erase_result::missing;
        }
    }

    // Somebody else is to do it: the item waits again, in its old place. Missing when this worker
    // has it no more.
    put_result give_back(item const& undone)
    {
        return shm::to_put_result(items().give_back(lease_of(undone)).result, put_result::missing);
    }

    std::uint64_t size() const { return items().waiting(); }
    std::uint64_t leased() const { return items().leased(); } // looks at every item's lease
    std::uint64_t capacity() const { return items().capacity(); }

    // What a subscription calls.
    template <class Handler>
    void tell(raw_change const& raw, Handler& handler)
    {
        change out{.revision = raw.revision, .kind = raw.kind};
        if (raw.kind == change_kind::put)
            out.id = *raw.key;
        handler(out);
    }

  private:
    static constexpr std::size_t row_size = detail::words_of<Row>;

    static field_description describe(std::string name, covey::capacity room)
    {
        return {.name = std::move(name),
                .kind = field_kind::queue,
                .row_type = detail::shared_type<Row>::name(),
                .key_bytes = 8, // the id
                .row_bytes = 8 * row_size,
                .capacity = room.rows};
    }

    static shm::item_lease lease_of(item const& one)
    {
        return {.id = one.id, .deliveries = one.deliveries, .cell = one.cell};
    }

    shm::fifo const& items() const { return who(), items_; }
    shm::fifo& items() { return who(), items_; }
    void bound(participant::core& who) override { items_ = shm::fifo{who, index()}; }

    shm::fifo items_;
};

} // namespace covey
