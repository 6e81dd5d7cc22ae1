#include "field_watch.hpp"

#include "arena.hpp"
#include "lane_reader.hpp"
#include "lanes.hpp"
#include "ring_reader.hpp"

#include <optional>
#include <vector>

namespace covey {

namespace {

row_value value_of(row_type const* type, std::uint64_t const* words)
{
    return type == nullptr ? row_value{} : type->read(reinterpret_cast<std::byte const*>(words));
}

} // namespace

struct field_watch::core
{
    core(inspect const& from, std::uint32_t index)
        : seen{from}
        , field{index}
        , memory{*from.arena()}
        , places{memory.places().fields.at(index)}
        , reader{memory}
    {
        if (places.kind == field_kind::ring)
            lanes.emplace(memory, places);
        if (!has_rows(places.kind))
            told = sample();
    }

    std::uint64_t sample() const
    {
        return places.kind == field_kind::histogram ? seen.distribution(field).count()
                                                    : shm::sample_of(memory, places);
    }
    std::size_t look_at_word(teller tell);
    std::size_t look_at_lanes(teller tell);
    std::size_t look_at_rings(teller tell);
    std::optional<observed_change> changed(shm::record_copy const& one) const;

    inspect const& seen;
    std::uint32_t field;
    shm::arena const& memory;
    shm::field_plan const& places;
    shm::ring_reader reader;
    std::vector<shm::record_copy> batch;
    std::optional<shm::lane_reader> lanes; // of a ring
    shm::lane_batch appended;
    std::uint64_t told = 0; // of a field of words
};

field_watch::field_watch(inspect const& seen, std::uint32_t field)
    : core_{std::make_unique<core>(seen, field)}
{}

field_watch::~field_watch() = default;

std::size_t field_watch::look(teller tell)
{
    if (!has_rows(core_->places.kind))
        return core_->look_at_word(tell);
    return core_->lanes ? core_->look_at_lanes(tell) : core_->look_at_rings(tell);
}

std::size_t field_watch::core::look_at_word(teller tell)
{
    auto const is = sample();
    if (is == told)
        return 0;
    told = is;
    tell({.entry = seen.get(field).entry});
    return 1;
}

std::size_t field_watch::core::look_at_lanes(teller tell)
{
    std::size_t count = 0;
    auto const newest = memory.head().revision.load(std::memory_order_acquire);
    if (!lanes->read(newest, appended)) {
        tell({.kind = change_kind::resync});
        ++count;
    }
    for (auto const& one : appended.entries) {
        tell({.entry = {.row = value_of(seen.rows_type(field), appended.row(one)),
                        .revision = one.revision}});
        ++count;
    }
    return count;
}

std::size_t field_watch::core::look_at_rings(teller tell)
{
    if (!reader.read(batch)) {
        reader.skip_to_now();
        tell({.kind = change_kind::resync,
              .entry = {.revision = memory.head().revision.load(std::memory_order_acquire)}});
        return 1;
    }
    std::size_t count = 0;
    for (auto const& one : batch)
        if (one.field == field)
            if (auto const it = changed(one)) {
                tell(*it);
                ++count;
            }
    return count;
}

// None when the row is another one by now, whose record follows.
std::optional<observed_change> field_watch::core::changed(shm::record_copy const& one) const
{
    observed_change out{.kind = static_cast<change_kind>(one.kind),
                        .entry = {.revision = one.revision}};
    if (places.kind == field_kind::queue)
        out.entry.key = row_value::of(one.body[0]);
    else
        out.entry.key = value_of(seen.key_type(field), one.body.data());
    if (out.kind != change_kind::put)
        return out;
    if (one.has_row && places.row_in_record) {
        out.entry.row = value_of(seen.rows_type(field), one.body.data() + places.key_words);
        return out;
    }
    auto found = seen.get(field, out.entry.key.is_null() ? "" : row_type::to_text(out.entry.key));
    if (places.kind == field_kind::queue) { // it is told even if somebody has taken it meanwhile
        if (found.result == reading::found)
            out.entry = std::move(found.entry);
        return out;
    }
    if (found.result != reading::found || found.entry.revision != one.revision)
        return std::nullopt;
    out.entry = std::move(found.entry);
    return out;
}

} // namespace covey
