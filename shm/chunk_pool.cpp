#include "chunk_pool.hpp"

#include "detail/participant_core.hpp"
#include "detail/words.hpp"
#include "table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

namespace covey::shm {

namespace {

constexpr auto freeing = std::uint64_t{1} << 63; // of shard_block::chunks: it is what has to go
constexpr auto bits_of_a_word = 64;

chunk_head& chunk_at(arena const& memory, field_plan const& field, std::uint64_t number)
{
    return memory.at<chunk_head>(field.pool + number * chunk_bytes);
}

std::uint64_t* room_of(chunk_head& chunk)
{
    return reinterpret_cast<std::uint64_t*>(&chunk) + sizeof(chunk_head) / sizeof(word);
}

word& hints_of(arena const& memory, field_plan const& field, std::uint64_t at)
{
    return memory.at<word>(field.chunk_hints + at * sizeof(word));
}

void store_bytes(std::uint64_t* shared, std::byte const* from, std::size_t bytes)
{
    for (std::size_t i = 0; i < bytes; i += sizeof *shared) {
        std::uint64_t whole = 0;
        std::memcpy(&whole, from + i, std::min(sizeof whole, bytes - i));
        store_words(shared + i / sizeof *shared, &whole, 1);
    }
}

void load_bytes(std::byte* into, std::uint64_t* shared, std::size_t bytes)
{
    for (std::size_t i = 0; i < bytes; i += sizeof *shared) {
        std::uint64_t whole = 0;
        load_words(&whole, shared + i / sizeof *shared, 1);
        std::memcpy(into + i, &whole, std::min(sizeof whole, bytes - i));
    }
}

// Goes through the hints once, downwards: a value is claimed from its end, and then lies upwards.
class chunk_search
{
  public:
    chunk_search(arena const& memory, field_plan const& field, std::uint64_t first_word)
        : memory_{memory}
        , field_{field}
        , words_{(field.chunks + bits_of_a_word - 1) / bits_of_a_word}
        , words_left_{words_}
        , at_{(first_word + 1) % words_}
    {}

    // A chunk that seems to be free; none when all hints have been followed.
    std::optional<std::uint64_t> next()
    {
        for (;;) {
            while (free_ != 0) {
                bit_ = std::uint64_t{1} << (bits_of_a_word - 1 - std::countl_zero(free_));
                free_ ^= bit_;
                auto const number =
                    at_ * bits_of_a_word + static_cast<std::uint64_t>(std::countr_zero(bit_));
                if (number < field_.chunks)
                    return number;
            }
            settle();
            if (words_left_ == 0)
                return std::nullopt;
            --words_left_;
            at_ = (at_ == 0 ? words_ : at_) - 1;
            free_ = hints_of(memory_, field_, at_).load(std::memory_order_acquire);
        }
    }

    void took_it() { taken_ |= bit_; }

    // The hints of what was taken go, many at a time. Until then they are set too often.
    void settle()
    {
        if (taken_ != 0)
            hints_of(memory_, field_, at_).fetch_and(~taken_);
        taken_ = 0;
    }

    std::uint64_t at() const { return at_; }

  private:
    arena const& memory_;
    field_plan const& field_;
    std::uint64_t words_;
    std::uint64_t words_left_;
    std::uint64_t at_;
    std::uint64_t free_ = 0;
    std::uint64_t bit_ = 0;
    std::uint64_t taken_ = 0;
};

} // namespace

chunk_pool::chunk_pool(arena const& memory, field_plan const& field, std::uint32_t shard)
    : memory_{memory}
    , field_{field}
    , shard_{memory.shard(field, shard)}
{}

chunk_head& chunk_pool::chunk(std::uint64_t number) const
{
    return chunk_at(memory_, field_, number);
}

void chunk_pool::begin()
{
    shard_.chunks.store(0, std::memory_order_release);
}

bool chunk_pool::store(std::span<std::byte const> value, participant::core& who, std::uint64_t mark,
                       std::uint64_t* row)
{
    // Blocks begin in different places, so that they seldom want the same chunk.
    auto const words = (field_.chunks + bits_of_a_word - 1) / bits_of_a_word;
    auto const home = words * who.block / memory_.places().blocks;
    chunk_search search{memory_, field_, (home + who.free_chunk_word) % words};
    std::uint64_t first = 0;
    for (auto left = value.size(); left != 0;) {
        auto const found = search.next();
        if (!found)
            return false;
        auto& taken = chunk(*found);
        std::uint64_t nobody = 0;
        shard_.chunk_in_doubt.store(*found + 1, std::memory_order_release);
        if (!taken.owner.compare_exchange_strong(nobody, mark, std::memory_order_acq_rel))
            continue;
        search.took_it();
        taken.next.store(first, std::memory_order_release);
        first = *found + 1;
        shard_.chunks.store(first, std::memory_order_release);
        auto const bytes = (left - 1) % chunk_room + 1; // the end's, then whole chunks
        left -= bytes;
        release_fence(); // a reader that sees any of it also sees that the last value is gone
        store_bytes(room_of(taken), value.data() + left, bytes);
    }
    search.settle();
    who.free_chunk_word = (search.at() + words - home) % words;
    row[0] = value.size();
    row[1] = first;
    row[2] = mark;
    return true;
}

void chunk_pool::settle(intent_kind kind, std::uint64_t cell, std::uint64_t mark, bool committed)
{
    std::uint64_t first = 0;
    if (committed && kind != intent_kind::insert) {
        auto const generation =
            memory_.at<cell_head>(cell).generation.load(std::memory_order_relaxed);
        auto const words_of_slot = [&](std::uint64_t which, std::uint64_t* into) {
            load_words(into, memory_.slot(cell, field_, which) + 1 + field_.key_words, body_words);
        };
        std::uint64_t last[body_words];
        words_of_slot(removes(kind) ? generation : generation - 1, last);
        std::uint64_t now[body_words]{};
        if (!removes(kind))
            words_of_slot(generation, now);
        mark = last[2];
        first = now[2] == last[2] ? 0 : last[1]; // touched: the same value in another row
    }
    if ((shard_.chunks.load(std::memory_order_acquire) & freeing) == 0) {
        if (!committed) {
            link_in_doubt(mark);
            first = shard_.chunks.load(std::memory_order_relaxed);
        }
        shard_.chunks.store(first | freeing, std::memory_order_release);
    }
    free_rest(mark);
}

// The chunk that was claimed and not linked yet, if any.
void chunk_pool::link_in_doubt(std::uint64_t mark)
{
    auto const number = shard_.chunk_in_doubt.load(std::memory_order_acquire);
    auto const first = shard_.chunks.load(std::memory_order_relaxed);
    if (number == 0 || number > field_.chunks || number == first ||
        chunk(number - 1).owner.load(std::memory_order_acquire) != mark)
        return;
    chunk(number - 1).next.store(first, std::memory_order_release);
    shard_.chunks.store(number, std::memory_order_release);
}

void chunk_pool::free_rest(std::uint64_t mark)
{
    for (std::uint64_t steps = 0; steps != field_.chunks; ++steps) {
        auto const number = shard_.chunks.load(std::memory_order_relaxed) & ~freeing;
        if (number == 0 || number > field_.chunks)
            break;
        auto& going = chunk(number - 1);
        if (going.owner.load(std::memory_order_acquire) == mark) {
            shard_.chunk_in_doubt.store(going.next.load(std::memory_order_relaxed),
                                        std::memory_order_release);
            going.owner.store(0, std::memory_order_release);
        }
        // Else somebody died having freed it, and perhaps before this.
        hints_of(memory_, field_, (number - 1) / bits_of_a_word)
            .fetch_or(std::uint64_t{1} << (number - 1) % bits_of_a_word, std::memory_order_acq_rel);
        shard_.chunks.store(shard_.chunk_in_doubt.load(std::memory_order_relaxed) | freeing,
                            std::memory_order_release);
    }
    shard_.chunks.store(freeing, std::memory_order_release);
}

bool copy_body(arena const& memory, field_plan const& field, std::uint64_t const* row,
               place_for_body into)
{
    if (row[0] > field.bound)
        return false;
    auto const place = into(row[0]);
    auto number = row[1];
    for (std::size_t done = 0; done < place.size();) {
        if (number == 0 || number > field.chunks)
            return false;
        auto& from = chunk_at(memory, field, number - 1);
        auto const bytes = std::min(chunk_room, place.size() - done);
        load_bytes(place.data() + done, room_of(from), bytes);
        done += bytes;
        number = from.next.load(std::memory_order_acquire);
    }
    return true;
}

std::uint64_t count_chunks_in_use(arena const& memory, field_plan const& field)
{
    std::uint64_t out = 0;
    for (std::uint64_t number = 0; number != field.chunks; ++number)
        out += chunk_at(memory, field, number).owner.load(std::memory_order_relaxed) != 0;
    return out;
}

} // namespace covey::shm
