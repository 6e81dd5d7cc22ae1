// watching: what of a field a handler wants to hear, and how.
//
//   worker.on_change(state.scores, handler, {.prefix = "team:", .own_changes = true});
//   worker.on_change(state.scores, handler, {.deliver = covey::delivery::every});
//   worker.on_change(state.scores, handler, {.from = covey::start::everything()});
//
// What is not asked for costs nothing. Plain values: what a predicate refers to must outlive the
// watch.
#pragma once

#include "change.hpp"
#include "row.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace covey {

enum class delivery : std::uint8_t {
    // The newest change of each row that has changed since the last dispatch, with how many it
    // stands for. In the order of revisions of what is told. Whoever mirrors a table, and changes
    // it as it writes, needs no more.
    latest,
    // Each change while the subscriber is not lapped, each key's in the order of revisions. Rows
    // that are too wide for a ring record (shm/README.md) still fold together.
    every,
    // As `every`, and strictly in the order of revisions across keys, fields and writers: what is
    // newer waits for a writer that is under way, or dead and not repaired yet.
    ordered,
};

// Where a watch begins.
class start
{
  public:
    static constexpr start now() { return start{std::numeric_limits<std::uint64_t>::max()}; }
    // A resync, then all there is.
    static constexpr start everything() { return start{0}; }
    // A resync, then what is newer than this revision: for who was here before.
    static constexpr start after(std::uint64_t revision) { return start{revision}; }

    constexpr bool is_now() const { return *this == now(); }
    constexpr std::uint64_t revision() const { return revision_; }
    friend constexpr bool operator==(start const&, start const&) = default;

  private:
    explicit constexpr start(std::uint64_t revision)
        : revision_{revision}
    {}
    std::uint64_t revision_;
};

// Of a field without keys and rows of its own type: queues, counters, locks ... Words (counters,
// gauges, extremes, locks) have no revisions: their handler hears what they are, whoever changed
// them, at most once a dispatch.
struct watching
{
    delivery deliver = delivery::latest;
    bool own_changes = false; // those of this participant, too
    start from = start::now();
};

// Of a value or a ring. `where` is asked about every row that is put; what it does not hold for is
// not told. A row that it held for and holds for no more is told once, as change_kind::leave.
template <class Row>
struct row_watching
{
    std::function<bool(Row const&)> where{};
    delivery deliver = delivery::latest;
    bool own_changes = false;
    start from = start::now();
};

// Of a map: one key, and rows for which `where` holds. A watch with a predicate remembers the keys
// that it holds for, so that it tells of their removal and of no other's.
template <class Key, class Row>
struct map_watching
{
    std::optional<Key> key{};
    std::function<bool(Key const&, Row const&)> where{};
    delivery deliver = delivery::latest;
    bool own_changes = false;
    start from = start::now();
};

// Of a map whose keys are text: all that begin so, too.
template <std::size_t N, class Row>
struct map_watching<text<N>, Row>
{
    std::optional<text<N>> key{};
    std::string prefix{};
    std::function<bool(text<N> const&, Row const&)> where{};
    delivery deliver = delivery::latest;
    bool own_changes = false;
    start from = start::now();
};

// What a field makes of these for a subscription.
struct raw_watching
{
    delivery deliver = delivery::latest;
    bool own_changes = false;
    start from = start::now();
    std::function<bool(std::uint64_t const* key)> key{}; // empty: every key
    std::function<bool(raw_change const& put)> where{};  // empty: every row
};

namespace detail {

// row_of(raw_change const&) is the row that was put.
template <class Row, class RowOf>
raw_watching raw_of(row_watching<Row> what, RowOf row_of)
{
    raw_watching out{.deliver = what.deliver, .own_changes = what.own_changes, .from = what.from};
    if (what.where)
        out.where = [where = std::move(what.where), row_of](raw_change const& put) {
            return where(row_of(put));
        };
    return out;
}

template <class Key, class Row, class RowOf>
raw_watching raw_of(map_watching<Key, Row> what, RowOf row_of)
{
    raw_watching out{.deliver = what.deliver, .own_changes = what.own_changes, .from = what.from};
    if (what.key) {
        out.key = [wanted = as_words(*what.key)](std::uint64_t const* key) {
            return std::equal(wanted.begin(), wanted.end(), key);
        };
    } else if constexpr (requires { what.prefix; }) {
        if (!what.prefix.empty())
            out.key = [prefix = std::move(what.prefix)](std::uint64_t const* key) {
                return from_words<Key>(key).view().starts_with(prefix);
            };
    }
    if (what.where)
        out.where = [where = std::move(what.where), row_of](raw_change const& put) {
            return where(from_words<Key>(put.key), row_of(put));
        };
    return out;
}

} // namespace detail

} // namespace covey
