// value<Row>: one row, shared by every worker: a setting, a flag, a number that must be exact.
//
// The promises of a map's row: reads take no lock and never wait for a dead writer; an
// acknowledged write survives any death; every write is a revision and is announced.
#pragma once

#include "field.hpp"
#include "refusal.hpp"
#include "row.hpp"
#include "table.hpp"
#include "written.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace covey {

template <class Row>
class value : public field
{
    static_assert(detail::check_row<Row>());

  public:
    using change = value_change<Row>;
    using watching = row_watching<Row>;

    // `first` is what the value is until somebody writes it.
    value(state& owner, std::string name, Row const& first = Row{})
        : field{owner, describe(std::move(name), first)}
    {}

    Row get() const
    {
        words scratch;
        row().read(nullptr, scratch.data());
        return detail::from_words<Row>(scratch.data() + 1);
    }

    // With its revision (0: nobody has written it), for compare_and_set.
    versioned<Row> find() const
    {
        words scratch;
        row().read(nullptr, scratch.data());
        return {detail::from_words<Row>(scratch.data() + 1), scratch[0]};
    }

    written put(Row const& next)
    {
        return write(put_result::unchanged, [&](shm::current_row const&, std::uint64_t* to) {
            detail::to_words(next, to);
            return true;
        });
    }

    // Only if it still has this revision: exactly one of many racing callers succeeds.
    written compare_and_set(std::uint64_t revision, Row const& next)
    {
        return write(put_result::conflict, [&](shm::current_row const& now, std::uint64_t* to) {
            detail::to_words(next, to);
            return now.revision == revision;
        });
    }

    // Stores what next_of(Row const& now) returns (a Row, or an optional that may be empty: no
    // change). The function runs under the value's lock: keep it short, and write nothing in it.
    // What it throws is passed on, and nothing has changed.
    template <class Change>
    written update(Change next_of)
    {
        return write(put_result::unchanged, [&](shm::current_row const& now, std::uint64_t* to) {
            auto const next = std::optional<Row>{next_of(detail::from_words<Row>(now.row))};
            if (next)
                detail::to_words(*next, to);
            return next.has_value();
        });
    }

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
        change out{
            .revision = raw.revision, .kind = raw.kind, .folded = raw.folded, .resync = raw.resync};
        if (raw.kind == change_kind::put)
            out.after = detail::from_words<Row>(raw.row);
        handler(out);
    }

  private:
    friend class transaction;
    using words = std::array<std::uint64_t, 1 + detail::words_of<Row>>;

    static field_description describe(std::string name, Row const& first)
    {
        field_description out{.name = std::move(name),
                              .kind = field_kind::value,
                              .row_type = detail::shared_type<Row>::name(),
                              .row_bytes = 8 * detail::words_of<Row>,
                              .capacity = 1};
        out.initial.resize(detail::words_of<Row>);
        detail::to_words(first, out.initial.data());
        return out;
    }

    template <class Decide>
    written write(put_result kept, Decide decide)
    {
        words scratch;
        auto const done = row().write(nullptr, scratch.data(), decide);
        return {shm::to_put_result(done.result, kept), done.revision};
    }

    shm::table const& row() const { return who(), row_; }
    shm::table& row() { return who(), row_; }
    void bound(participant::core& who) override { row_ = shm::table{who, index()}; }

    shm::table row_;
};

} // namespace covey
