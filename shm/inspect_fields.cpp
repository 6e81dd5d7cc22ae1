// inspect: what is in a segment's fields.
#include "inspect.hpp"

#include "arena.hpp"
#include "cell_reader.hpp"
#include "detail/words.hpp"
#include "expiry.hpp"
#include "fenced_word.hpp"
#include "histogram_snapshot.hpp"
#include "lane_reader.hpp"
#include "lanes.hpp"
#include "link.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>

namespace covey {

namespace {

constexpr std::uint64_t deliveries_mask = 0xffff'ffff'ffff; // of a lease word (fifo.cpp)

row_value extreme_in(shm::arena const& memory, shm::field_plan const& field)
{
    auto const found = shm::greatest_of(memory, field);
    return found == 0 ? row_value{} : row_value{shm::number_of_extreme(field.kind, found)};
}

row_value percentiles(histogram_snapshot const& all)
{
    row_value::structure out{{"count", row_value::of(all.count())},
                             {"sum", row_value::of(all.sum())}};
    constexpr std::pair<char const*, double> parts[] = {
        {"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"highest", 1.}};
    for (auto const& [name, part] : parts) {
        auto const number = all.quantile(part);
        out.emplace_back(name, number ? row_value::of(*number) : row_value{});
    }
    return {std::move(out)};
}

row_value rate_of(std::uint64_t earned)
{
    auto const now = std::chrono::steady_clock::now().time_since_epoch().count();
    auto const until = static_cast<std::int64_t>(earned);
    return {row_value::structure{
        {"earned_in", row_value::of(until > now ? until - now : std::int64_t{0})}}};
}

row_value hold(shm::arena const& memory, std::uint64_t fenced)
{
    row_value::structure out;
    auto const by = shm::holder_in(fenced);
    if (by && by->block < memory.places().blocks) {
        out.emplace_back("block", row_value::of(std::uint64_t{by->block}));
        out.emplace_back("pid", row_value::of(memory.block(by->block).pid.load()));
    }
    out.emplace_back("epoch", row_value::of(fenced >> 16));
    return {std::move(out)};
}

row_value read(row_type const& type, std::uint64_t const* words)
{
    return type.read(reinterpret_cast<std::byte const*>(words));
}

// ---- a queue's items ----

struct item_copy
{
    std::vector<std::uint64_t> slot; // revision, id, row
    std::uint64_t deliveries = 0;
    std::optional<std::uint32_t> leased_by{};
};

class item_reader
{
  public:
    item_reader(shm::arena const& memory, shm::field_plan const& field)
        : memory_{memory}
        , field_{field}
    {}

    // False when somebody has been at it meanwhile, and so perhaps items were missed.
    bool read()
    {
        items_.clear();
        auto const before = stamp();
        bool const moved = is_moving();
        leases();
        chain();
        shm::acquire_fence();
        return !moved && !is_moving() && stamp() == before;
    }

    // By id, which is by age.
    std::map<std::uint64_t, item_copy> const& items() const { return items_; }

  private:
    shm::word& lease_of(std::uint64_t number) const
    {
        return memory_.at<shm::word>(field_.leases + number * sizeof(shm::word));
    }

    std::array<std::uint64_t, 4> stamp() const
    {
        auto const& ends = memory_.at<shm::queue_block>(field_.ends);
        return {memory_.bucket(field_, 0).load(), ends.last.load(), ends.rows_next.load(),
                memory_.shard(field_, 0).rows.load()};
    }

    // Somebody is in the middle of an operation.
    bool is_moving() const
    {
        auto const& places = memory_.places();
        for (std::uint32_t block = 0; block != places.blocks; ++block) {
            auto const& intent = memory_.block(block).intent;
            auto const field = intent.field.load(std::memory_order_relaxed);
            if (intent.armed.load(std::memory_order_acquire) != 0 && field < places.fields.size() &&
                &places.fields[field] == &field_)
                return true;
        }
        return false;
    }

    void leases()
    {
        for (std::uint64_t number = 0; number != field_.capacity; ++number)
            if (lease_of(number).load(std::memory_order_acquire) >> 48 != 0)
                take(number);
    }

    void chain()
    {
        shm::link next{memory_.bucket(field_, 0).load(std::memory_order_acquire)};
        for (std::uint64_t steps = 0; !next.empty() && steps != field_.capacity; ++steps) {
            if (next.cell() >= field_.capacity)
                return;
            take(next.cell());
            next.word = memory_.at<shm::cell_head>(memory_.cell_offset(field_, next.cell()))
                            .next.load(std::memory_order_acquire);
        }
    }

    // An item never changes while it has its cell, and its cell's owner names it.
    void take(std::uint64_t number)
    {
        auto const cell = memory_.cell_offset(field_, number);
        auto const& owner = memory_.at<shm::cell_head>(cell).owner;
        auto const before = owner.load(std::memory_order_acquire);
        auto const lease = lease_of(number).load(std::memory_order_acquire);
        item_copy out{.slot = std::vector<std::uint64_t>(field_.slot_words())};
        shm::load_words(out.slot.data(), memory_.slot(cell, field_, 0), field_.slot_words());
        shm::acquire_fence();
        if (before == 0 || owner.load(std::memory_order_relaxed) != before)
            return;
        out.deliveries = lease & deliveries_mask;
        if (lease >> 48 != 0)
            out.leased_by = static_cast<std::uint32_t>((lease >> 48) - 1);
        items_.insert_or_assign(out.slot[1], std::move(out));
    }

    shm::arena const& memory_;
    shm::field_plan const& field_;
    std::map<std::uint64_t, item_copy> items_;
};

} // namespace

std::vector<field_facts> inspect::fields() const
{
    std::vector<field_facts> out;
    auto const& places = memory_->places();
    for (std::size_t i = 0; i != places.fields.size(); ++i) {
        auto const& described = schema_.fields[i];
        auto const& field = places.fields[i];
        field_facts facts{.name = described.name,
                          .kind = described.kind,
                          .key_type = described.key_type,
                          .row_type = described.row_type,
                          .capacity = field.capacity,
                          .keep = described.keep};
        for (std::uint32_t shard = 0; shard != field.shard_count; ++shard)
            facts.rows += memory_->shard(field, shard).rows.load(std::memory_order_relaxed);
        if (field.kind == field_kind::value)
            facts.rows = 1;
        if (field.kind == field_kind::ring)
            for (std::uint32_t block = 0; block != places.blocks; ++block)
                facts.rows += memory_->lane(field, block).tail.load(std::memory_order_relaxed);
        facts.rows = std::min(facts.rows, field.capacity);
        auto const end =
            i + 1 == places.fields.size() ? places.bytes : places.fields[i + 1].subscribers;
        facts.bytes = end - field.subscribers;
        out.push_back(std::move(facts));
    }
    return out;
}

histogram_snapshot inspect::distribution(std::uint32_t index) const
{
    std::size_t at = 0;
    auto const scale = histogram_scale::parse(schema_.fields.at(index).scale, at);
    if (!scale)
        throw std::invalid_argument{"field " + schema_.fields[index].name + " is no histogram"};
    auto const& field = memory_->places().fields[index];
    histogram_snapshot all{*scale};
    for (std::uint32_t block = 0; block != memory_->places().blocks; ++block) {
        for (std::uint64_t bucket = 0; bucket != field.capacity; ++bucket)
            all.add(bucket, shm::lane_of(*memory_, field, block, bucket).load());
        all.add_sum(shm::lane_of(*memory_, field, block, field.capacity).load());
    }
    return all;
}

row_value inspect::word(std::uint32_t index) const
{
    auto const& field = memory_->places().fields[index];
    switch (field.kind) {
    case field_kind::counter:
    case field_kind::gauge:
        return {static_cast<std::int64_t>(shm::sum_of(*memory_, field))};
    case field_kind::maximum:
    case field_kind::minimum:
        return extreme_in(*memory_, field);
    case field_kind::histogram:
        return percentiles(distribution(index));
    case field_kind::rate_limiter:
        return rate_of(shm::shared_word_of(*memory_, field).load());
    case field_kind::lock:
    case field_kind::leader:
        return hold(*memory_, shm::shared_word_of(*memory_, field).load());
    case field_kind::value: // these have rows
    case field_kind::map:
    case field_kind::ring:
    case field_kind::queue:
        break;
    }
    return {};
}

field_entry inspect::entry_of(std::uint32_t index, std::uint64_t const* slot,
                              std::vector<std::byte> const& body) const
{
    auto const& field = memory_->places().fields[index];
    field_entry out{.revision = slot[0]};
    if (types_[index].row)
        out.row = read(*types_[index].row, slot + 1 + field.key_words);
    else if (schema_.fields[index].row_type.starts_with("blob"))
        out.row = {body};
    else
        out.row = {std::string{reinterpret_cast<char const*>(body.data()), body.size()}};
    if (types_[index].key)
        out.key = read(*types_[index].key, slot + 1);
    auto const expiry = shm::cell_reader{*memory_, field}.expiry_in(slot);
    auto const now = shm::coarse_now();
    if (expiry > now)
        out.lives = std::chrono::nanoseconds{expiry - now};
    return out;
}

found_entry inspect::get_row(std::uint32_t index, std::string_view key) const
{
    auto const& field = memory_->places().fields[index];
    std::vector<std::uint64_t> wanted(field.key_words);
    std::vector<std::uint64_t> slot(field.slot_words());
    if (auto const& type = types_[index].key) {
        std::string why;
        if (!type->write(type->from_text(key), reinterpret_cast<std::byte*>(wanted.data()), why))
            throw std::invalid_argument{why};
    }
    std::vector<std::byte> body;
    switch (shm::cell_reader{*memory_, field}.read(wanted.data(), slot.data(), body)) {
    case shm::read_result::found:
        return {reading::found, entry_of(index, slot.data(), body)};
    case shm::read_result::missing:
        return {reading::missing};
    case shm::read_result::busy:
        break;
    }
    return {reading::busy};
}

found_entry inspect::get_item(std::uint32_t index, std::string_view key) const
{
    auto const wanted = row_type::parse("u64").from_text(key);
    found_entry out;
    auto const look = [&](field_entry const& one) {
        if (one.key == wanted)
            out = {reading::found, one};
    };
    if (for_each(index, look) != 0 && out.result == reading::missing)
        out.result = reading::busy;
    return out;
}

found_entry inspect::get(std::uint32_t index, std::string_view key) const
{
    auto const& described = schema_.fields.at(index);
    bool const keyed = described.kind == field_kind::map || described.kind == field_kind::queue;
    if (described.kind == field_kind::ring || (!keyed && !key.empty()))
        throw std::invalid_argument{"a " + std::string{covey::name(described.kind)} +
                                    " has no keys"};
    if (described.kind == field_kind::queue)
        return get_item(index, key);
    if (has_rows(described.kind))
        return get_row(index, key);
    return {reading::found, {.row = word(index)}};
}

std::uint64_t inspect::for_each_row(std::uint32_t index, visitor visit, int patience) const
{
    shm::cell_reader const reader{*memory_, memory_->places().fields[index]};
    return reader.for_each(
        [&](std::uint64_t const* slot, std::vector<std::byte> const& body) {
            visit(entry_of(index, slot, body));
        },
        patience);
}

std::uint64_t inspect::for_each_append(std::uint32_t index, visitor visit, int patience) const
{
    auto const& field = memory_->places().fields[index];
    shm::lane_reader reader{*memory_, field};
    shm::lane_batch copied;
    bool whole = false;
    for (int round = 0; round != patience && !whole; ++round) {
        reader.rewind(field.capacity);
        whole = reader.read(memory_->head().revision.load(std::memory_order_acquire), copied);
    }
    auto const count = copied.entries.size();
    for (auto i = count - std::min<std::uint64_t>(count, field.capacity); i != count; ++i)
        visit({.row = read(*types_[index].row, copied.row(copied.entries[i])),
               .revision = copied.entries[i].revision});
    return whole ? 0 : 1;
}

std::uint64_t inspect::for_each_item(std::uint32_t index, visitor visit, int patience) const
{
    item_reader reader{*memory_, memory_->places().fields[index]};
    bool whole = reader.read();
    for (int round = 1; round != patience && !whole; ++round)
        whole = reader.read();
    for (auto const& [id, item] : reader.items()) {
        field_entry out{.key = row_value::of(id),
                        .row = read(*types_[index].row, item.slot.data() + 2),
                        .revision = item.slot[0]};
        auto& facts = out.item.emplace(
            item_facts{.deliveries = item.deliveries, .leased_by = item.leased_by});
        if (item.leased_by && *item.leased_by < memory_->places().blocks)
            facts.pid = memory_->block(*item.leased_by).pid.load();
        visit(out);
    }
    return whole ? 0 : 1;
}

std::uint64_t inspect::for_each(std::uint32_t index, visitor visit, int patience) const
{
    switch (schema_.fields.at(index).kind) {
    case field_kind::map:
        return for_each_row(index, visit, patience);
    case field_kind::ring:
        return for_each_append(index, visit, patience);
    case field_kind::queue:
        return for_each_item(index, visit, patience);
    case field_kind::value: {
        auto const one = get_row(index, {});
        if (one.result == reading::found)
            visit(one.entry);
        return one.result == reading::busy ? 1 : 0;
    }
    default:
        visit({.row = word(index)});
        return 0;
    }
}

} // namespace covey
