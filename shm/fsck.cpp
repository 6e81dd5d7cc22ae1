#include "fsck.hpp"

#include "detail/fsck_notes.hpp"
#include "detail/words.hpp"
#include "fenced_word.hpp"
#include "inspect.hpp"
#include "lanes.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

namespace covey {

namespace {

constexpr int looks = 3;
constexpr std::chrono::milliseconds between_looks{5}; // longer than any write takes

std::vector<finding> look(inspect const& seen)
{
    auto const& memory = *seen.arena();
    auto out = shm::check_blocks(memory);
    for (std::uint32_t field = 0; field != memory.places().fields.size(); ++field) {
        auto const more = shm::check_field(memory, field, seen.described().fields[field].name,
                                           seen.key_type(field), seen.rows_type(field));
        out.insert(out.end(), more.begin(), more.end());
    }
    out.resize(std::min(out.size(), shm::fsck_notes::findings_max));
    return out;
}

} // namespace

std::vector<finding> fsck(inspect const& seen)
{
    auto out = look(seen);
    for (int i = 1; i != looks && !out.empty(); ++i) {
        std::this_thread::sleep_for(between_looks);
        auto const again = look(seen);
        std::erase_if(out, [&](finding const& one) {
            return std::find(again.begin(), again.end(), one) == again.end();
        });
    }
    return out;
}

namespace shm {

namespace {

// A lock or a leadership whose holder cannot be.
void check_holder(arena const& memory, field_plan const& field, fsck_notes& notes)
{
    auto const by = holder_in(shared_word_of(memory, field).load(std::memory_order_acquire));
    if (!by)
        return;
    if (by->block >= memory.places().blocks)
        notes.add(0, "it is held by block " + std::to_string(by->block) + ", which there is not");
    else if (memory.block(by->block).open.load(relaxed) == 0)
        notes.add(0, "it is held by block " + std::to_string(by->block) + ", which is nobody's");
}

// The newest record that is out of order, or names what there is not.
std::string check_ring(arena const& memory, std::uint32_t block)
{
    auto const& its = memory.block(block);
    auto const claimed = its.ring_claimed.load(std::memory_order_acquire);
    auto const tail = its.ring_tail.load(std::memory_order_acquire);
    if (claimed - tail > transaction_rows_max) // its writer is between the two, or died there
        return "it has claimed " + std::to_string(claimed) + " records and written " +
               std::to_string(tail);
    auto const newest = memory.head().revision.load(std::memory_order_acquire);
    std::uint64_t last = 0;
    std::uint64_t last_operation = 0; // a transaction's records have one revision
    for (auto number = tail - std::min<std::uint64_t>(tail, ring_records - 1); number != tail;
         ++number) {
        std::array<std::uint64_t, sizeof(record) / 8> head;
        load_words(head.data(),
                   &memory.at<std::uint64_t>(memory.places().record_offset(block, number)),
                   head.size());
        acquire_fence();
        if (its.ring_claimed.load(relaxed) - number > ring_records)
            continue; // written over meanwhile
        auto const what = "record " + std::to_string(number) + " ";
        if ((head[2] & 0xffff'ffff) >= memory.places().fields.size())
            return what + "names a field that there is not";
        bool const together = head[1] == last && head[0] == last_operation;
        if ((head[1] <= last && !together) || head[1] > newest)
            return what + "has revision " + std::to_string(head[1]) + ", after " +
                   std::to_string(last) + (head[1] > newest ? ", which is yet to come" : "");
        last = head[1];
        last_operation = head[0];
    }
    return {};
}

} // namespace

std::vector<finding> check_field(arena const& memory, std::uint32_t index, std::string const& name,
                                 row_type const* key, row_type const* row)
{
    auto const& field = memory.places().fields[index];
    fsck_notes notes{memory, index, name};
    switch (field.kind) {
    case field_kind::map:
    case field_kind::value:
        check_rows(memory, field, key, row, notes);
        break;
    case field_kind::queue:
        check_items(memory, field, row, notes);
        break;
    case field_kind::ring:
        check_lanes(memory, field, row, notes);
        break;
    case field_kind::lock:
    case field_kind::leader:
        check_holder(memory, field, notes);
        break;
    case field_kind::counter: // any number will do
    case field_kind::gauge:
    case field_kind::maximum:
    case field_kind::minimum:
    case field_kind::histogram:
    case field_kind::rate_limiter:
        break;
    }
    return std::move(notes.all);
}

std::vector<finding> check_blocks(arena const& memory)
{
    std::vector<finding> out;
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block) {
        auto const add = [&](std::string const& what) {
            out.push_back({.what = "block " + std::to_string(block) + ": " + what});
        };
        auto const& its = memory.block(block);
        if (its.intent.armed.load(std::memory_order_acquire) != 0 &&
            its.open.load(std::memory_order_acquire) == 0)
            add("it is nobody's and in the middle of a write");
        if (auto const what = check_ring(memory, block); !what.empty())
            add(what);
    }
    return out;
}

} // namespace shm

} // namespace covey
