#include "plan.hpp"

#include "statistics.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace covey::shm {

namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t bytes_max = std::uint64_t{1} << 46; // under the 47 bits of user space
constexpr std::uint64_t capacity_max = 0xffff'fffe;         // a link holds a cell's number + 1
constexpr std::uint64_t rows_per_shard = 64; // short lock queues; a repair recounts one shard
constexpr std::uint64_t shards_max = 65'536;
constexpr std::uint64_t lane_words_max = 1 << 16; // 512 KiB a block

constexpr std::uint64_t whole_lines(std::uint64_t bytes)
{
    return (bytes + line_bytes - 1) / line_bytes * line_bytes;
}

class cursor
{
  public:
    std::uint64_t take(std::uint64_t bytes, std::uint64_t alignment = line_bytes)
    {
        std::uint64_t const at = (next_ + alignment - 1) / alignment * alignment;
        next_ = at + bytes;
        if (next_ > bytes_max || next_ < at)
            throw std::invalid_argument{"the schema needs more than 2^46 bytes of shared memory; "
                                        "lower a capacity or a room"};
        return at;
    }
    std::uint64_t end() const { return (next_ + page_bytes - 1) / page_bytes * page_bytes; }

  private:
    std::uint64_t next_ = 0;
};

void size_words(field_plan& out, std::string const& name)
{
    auto const words = out.kind == field_kind::histogram ? out.capacity + 1 : 1;
    if (words > lane_words_max)
        throw std::invalid_argument{"field " + name + ": a histogram has at most " +
                                    std::to_string(lane_words_max - 1) + " buckets"};
    out.lane_bytes = whole_lines(words * sizeof(word));
}

void size_cells(field_plan& out)
{
    bool const queue = out.kind == field_kind::queue;
    out.slot_mask = queue ? 0 : 1; // an item never changes
    auto const slots = std::uint64_t{out.slot_mask} + 1;
    out.cell_bytes = static_cast<std::uint32_t>(
        whole_lines(sizeof(cell_head) + slots * out.slot_words() * sizeof(word)));
    auto const change_words = std::uint64_t{out.key_words} + out.row_words;
    out.row_in_record =
        !queue && out.bound == 0 && sizeof(record) + 8 * change_words <= record_bytes_max;
    out.shard_count = 1;
    if (out.kind != field_kind::map)
        return;
    // Two buckets a row keep chains at 1.25 cells on average.
    out.bucket_bits = static_cast<std::uint32_t>(std::bit_width(2 * out.capacity - 1));
    auto const shards =
        std::bit_floor(std::clamp(out.capacity / rows_per_shard, std::uint64_t{1}, shards_max));
    out.shard_count = static_cast<std::uint32_t>(shards);
    out.shard_shift = out.bucket_bits - static_cast<std::uint32_t>(std::countr_zero(shards));
}

// Two values, for one is written before the one it replaces goes.
void size_pool(field_plan& out, field_description const& described)
{
    out.bound = described.bound;
    out.chunks = described.room / chunk_bytes;
    auto const least = 2 * ((out.bound + chunk_room - 1) / chunk_room);
    if (out.chunks < least || out.chunks > capacity_max)
        throw std::invalid_argument{"field " + described.name + ": its values' room must be " +
                                    std::to_string(least * chunk_bytes) + " to " +
                                    std::to_string(capacity_max * chunk_bytes) + " bytes"};
}

field_plan sizes_of(field_description const& described)
{
    field_plan out;
    out.kind = described.kind;
    out.key_words = described.key_bytes / 8;
    out.row_words = described.row_bytes / 8;
    out.capacity = described.capacity;
    out.keep = described.keep;
    if (!has_rows(described.kind)) {
        size_words(out, described.name);
        return out;
    }
    if (out.capacity == 0 || out.capacity > capacity_max)
        throw std::invalid_argument{"field " + described.name + ": capacity must be 1 to " +
                                    std::to_string(capacity_max)};
    if (described.bound != 0)
        size_pool(out, described);
    if (has_cells(described.kind))
        size_cells(out);
    else
        out.lane_bytes =
            whole_lines(sizeof(lane_head) + out.entries() * out.entry_words() * sizeof(word));
    return out;
}

void place(field_plan& field, std::uint32_t blocks, cursor& next)
{
    field.subscribers = next.take(sizeof(block_set));
    if (!has_cells(field.kind)) {
        bool const shared = field.kind == field_kind::rate_limiter ||
                            field.kind == field_kind::lock || field.kind == field_kind::leader;
        if (shared)
            field.shared_word = next.take(field.lane_bytes);
        else
            field.lanes = next.take(blocks * field.lane_bytes);
        return;
    }
    field.shards = next.take(field.shard_count * sizeof(shard_block));
    if (field.kind != field_kind::value) {
        field.buckets = next.take(sizeof(word) << field.bucket_bits);
        field.free_hints = next.take((field.capacity + 63) / 64 * sizeof(word));
    }
    if (field.kind == field_kind::map) {
        field.clock = next.take(sizeof(clock_block));
        if (field.keep.full == when_full::evict)
            field.visited = next.take((field.capacity + 63) / 64 * sizeof(word));
    }
    if (field.kind == field_kind::queue) {
        field.leases = next.take(field.capacity * sizeof(word));
        field.ends = next.take(sizeof(queue_block));
    }
    field.cells = next.take(field.capacity * field.cell_bytes);
    if (field.chunks != 0) {
        field.chunk_hints = next.take((field.chunks + 63) / 64 * sizeof(word));
        field.pool = next.take(field.chunks * chunk_bytes);
    }
}

} // namespace

plan make_plan(schema const& described, std::uint32_t blocks)
{
    if (blocks == 0 || blocks > blocks_max)
        throw std::invalid_argument{"a segment has 1 to 512 blocks"};
    plan out;
    out.blocks = blocks;
    cursor next;
    next.take(sizeof(header));
    out.schema_text = next.take(described.text().size());
    out.worker_blocks = next.take(blocks * sizeof(worker_block));
    out.transactions = next.take(blocks * sizeof(transaction_block));
    out.cursors = next.take(std::uint64_t{blocks} * blocks * sizeof(word));
    out.repair_log = next.take(repair_records * sizeof(repair_record));
    out.statistics = next.take((std::uint64_t{blocks} + 1) * statistics_bytes);

    std::uint64_t record_bytes = line_bytes;
    for (auto const& field : described.fields) {
        auto const& made = out.fields.emplace_back(sizes_of(field));
        auto const words = made.key_words + (made.row_in_record ? made.row_words : 0);
        record_bytes = std::max(record_bytes, sizeof(record) + 8 * std::uint64_t{words});
    }
    out.record_bytes = static_cast<std::uint32_t>(whole_lines(record_bytes));
    out.rings = next.take(blocks * ring_records * std::uint64_t{out.record_bytes}, page_bytes);
    for (auto& field : out.fields)
        place(field, blocks, next);
    out.bytes = next.end();
    return out;
}

} // namespace covey::shm
