#include "free_cells.hpp"

#include "commit.hpp"
#include "detail/participant_core.hpp"
#include "link.hpp"

#include <bit>

namespace covey::shm {

std::uint64_t claim_cell(participant::core& who, field_plan const& field, std::uint64_t mark,
                         detail::function_ref<void(std::uint64_t cell)> name)
{
    auto const& memory = *who.memory;
    auto const words = (field.capacity + 63) / 64;
    for (std::uint64_t i = 0; i != words; ++i) {
        auto const at = (who.free_word + i) % words;
        auto& hints = memory.at<word>(field.free_hints + at * sizeof(word));
        for (auto free = hints.load(std::memory_order_acquire); free != 0; free &= free - 1) {
            auto const bit = static_cast<std::uint64_t>(std::countr_zero(free));
            auto const number = at * 64 + bit;
            if (number >= field.capacity)
                break;
            auto const cell = memory.cell_offset(field, number);
            name(cell);
            std::uint64_t nobody = 0;
            if (!memory.at<cell_head>(cell).owner.compare_exchange_strong(nobody, mark))
                continue;
            hints.fetch_and(~(std::uint64_t{1} << bit));
            who.free_word = at;
            return cell;
        }
    }
    return 0;
}

std::uint64_t claim_cell(participant::core& who, field_plan const& field, operation& op,
                         std::uint64_t link_word, std::uint64_t hash)
{
    auto const taken = claim_cell(who, field, op.mark(), [&](std::uint64_t cell) {
        auto const number = (cell - field.cells) / field.cell_bytes;
        op.arm(intent_kind::insert, link_word, link::to(number, hash).word, cell, op.mark());
    });
    if (taken == 0)
        op.disarm();
    return taken;
}

void free_cell(arena const& memory, field_plan const& field, std::uint64_t cell, std::uint64_t mark)
{
    // Fails when it was freed before, and perhaps taken again; the hint below may still be missing,
    // and one too many does no harm.
    memory.at<cell_head>(cell).owner.compare_exchange_strong(mark, 0, std::memory_order_acq_rel);
    auto const number = (cell - field.cells) / field.cell_bytes;
    memory.at<word>(field.free_hints + number / 64 * sizeof(word))
        .fetch_or(std::uint64_t{1} << number % 64, std::memory_order_acq_rel);
}

} // namespace covey::shm
