// ring<Row>: the last N rows that anybody has appended: recent messages, a log, a trail of events.
//
// N is of all workers together: last() is the N newest by revision, whoever appended them. An
// append takes no lock, never waits and never fails; it is one store, before which nothing has
// happened and after which it is told to every subscriber, once. Readers never wait and never see
// half a row. Every block has room for N rows, for any one worker may have appended all of the last
// N: memory is N rows a block.
// A subscriber that falls more than N rows of one worker behind is told resync, then the last N.
#pragma once

#include "field.hpp"
#include "refusal.hpp"
#include "row.hpp"
#include "row_lanes.hpp"
#include "written.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace covey {

template <class Row>
class ring : public field
{
    static_assert(detail::check_row<Row>());

  public:
    using change = ring_change<Row>;
    using watching = row_watching<Row>;

    // `room` is N.
    ring(state& owner, std::string name, covey::capacity room)
        : field{owner, describe(std::move(name), room)}
    {}

    // Its revision. It survives this worker's death.
    std::uint64_t append(Row const& row)
    {
        std::array<std::uint64_t, row_size> words;
        detail::to_words(row, words.data());
        return lanes().append(words.data());
    }

    // The newest `rows` of all workers, at most N, oldest first. All that was appended before one
    // that is seen is seen. Fewer only when they are overwritten faster than they can be copied.
    std::vector<versioned<Row>> last(std::uint64_t rows) const
    {
        std::vector<versioned<Row>> out;
        visit_last(rows, [&](Row const& row, std::uint64_t revision) {
            out.push_back({.row = row, .revision = revision});
        });
        return out;
    }

    // visit(Row const&, std::uint64_t revision) for the last N, oldest first.
    template <class Visit>
    void for_each(Visit visit) const
    {
        visit_last(capacity(), visit);
    }

    std::uint64_t size() const { return lanes().size(); }
    std::uint64_t capacity() const { return lanes().capacity(); }

    // What a subscription calls.
    static raw_watching raw(watching what)
    {
        return detail::raw_of(std::move(what), [](raw_change const& put) {
            return detail::from_words<Row>(put.row);
        });
    }

    template <class Handler>
    void tell(raw_change const& raw, Handler& handler)
    {
        change out{.revision = raw.revision, .kind = raw.kind, .resync = raw.resync};
        if (raw.kind == change_kind::put)
            out.after = detail::from_words<Row>(raw.row);
        handler(out);
    }

  private:
    static constexpr std::size_t row_size = detail::words_of<Row>;

    static field_description describe(std::string name, covey::capacity room)
    {
        return {.name = std::move(name),
                .kind = field_kind::ring,
                .row_type = detail::shared_type<Row>::name(),
                .row_bytes = 8 * row_size,
                .capacity = room.rows};
    }

    template <class Visit>
    void visit_last(std::uint64_t rows, Visit&& visit) const
    {
        lanes().last(rows, [&](std::uint64_t const* row, std::uint64_t revision) {
            visit(detail::from_words<Row>(row), revision);
        });
    }

    shm::row_lanes const& lanes() const { return who(), lanes_; }
    shm::row_lanes& lanes() { return who(), lanes_; }
    void bound(participant::core& who) override { lanes_ = shm::row_lanes{who, index()}; }

    shm::row_lanes lanes_;
};

} // namespace covey
