// map<Key, Row>: rows by key, at most `capacity` of them, shared by every worker.
//
// Reads take no lock and no system call, and never wait for a writer that died or was stopped
// while it updated. Writes take the lock of the key's shard; one that is acknowledged survives the
// death of any process, one that was cut off never shows. A row is copied in and out whole.
// A full map is a value the caller sees; nothing is thrown away to make room, unless the map is
// declared so (retention.hpp).
// Keys: integers, enums, text<N>. Rows: see row.hpp. A text<N> key is given as any string; one that
// is longer than N is never there, and put says too_long.
#pragma once

#include "field.hpp"
#include "refusal.hpp"
#include "retention.hpp"
#include "row.hpp"
#include "table.hpp"
#include "written.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace covey {

// A key as an argument: anything the key type can be made of, and whether it fits.
template <class Key>
struct key_argument
{
    key_argument(Key from)
        : key{std::move(from)}
    {}
    Key key;
    bool fits = true;
};

template <std::size_t N>
struct key_argument<text<N>>
{
    key_argument(text<N> const& from)
        : key{from}
    {}
    key_argument(std::string_view from)
        : key{from.substr(0, text<N>::fits(from) ? from.size() : 0)}
        , fits{text<N>::fits(from)}
    {}
    key_argument(char const* from)
        : key_argument{std::string_view{from}}
    {}
    key_argument(std::string const& from)
        : key_argument{std::string_view{from}}
    {}
    text<N> key;
    bool fits = true;
};

template <class Key, class Row>
class map : public field
{
    static_assert(detail::check_key<Key>() && detail::check_row<Row>());

  public:
    using change = map_change<Key, Row>;
    using watching = map_watching<Key, Row>;
    using argument = key_argument<Key>;

    map(state& owner, std::string name, covey::capacity room, retention keep = {})
        : field{owner, describe(std::move(name), room, keep)}
        , keep_{keep}
    {}

    // ---- reading ----
    std::optional<Row> get(argument const& key) const
    {
        std::optional<Row> out;
        words scratch;
        auto const wanted = detail::as_words(key.key);
        if (key.fits && rows().read(wanted.data(), scratch.data()))
            detail::read_words(out.emplace(), scratch.data() + 1 + key_size);
        return out;
    }

    // The row with its revision, for compare_and_set.
    std::optional<versioned<Row>> find(argument const& key) const
    {
        words scratch;
        auto const wanted = detail::as_words(key.key);
        if (!key.fits || !rows().read(wanted.data(), scratch.data()))
            return std::nullopt;
        return versioned<Row>{row_of(scratch.data()), scratch[0]};
    }

    bool contains(argument const& key) const { return find(key).has_value(); }

    // visit(Key const&, Row const&, std::uint64_t revision), in no order. Every row that is there
    // throughout is visited exactly once; no lock is held during the calls.
    template <class Visit>
    void for_each(Visit visit) const
    {
        rows().for_each([&](std::uint64_t const* slot) {
            visit(detail::from_words<Key>(slot + 1), row_of(slot), slot[0]);
        });
    }

    std::uint64_t size() const { return rows().size(); }
    std::uint64_t capacity() const { return rows().capacity(); }

    // ---- writing ----
    //
    // `lives` is for a map that expires; a put without it lives for ever.
    written put(argument const& key, Row const& row, ttl lives = forever)
    {
        return write(key, put_result::unchanged, &lives, [&](auto const&, std::uint64_t* next) {
            detail::to_words(row, next);
            return true;
        });
    }

    // Only if there is no row yet.
    written add(argument const& key, Row const& row, ttl lives = forever)
    {
        return write(key, put_result::exists, &lives, [&](auto const& now, std::uint64_t* next) {
            detail::to_words(row, next);
            return now.row == nullptr;
        });
    }

    // Only if there is a row.
    written replace(argument const& key, Row const& row, ttl lives = forever)
    {
        return write(key, put_result::missing, &lives, [&](auto const& now, std::uint64_t* next) {
            detail::to_words(row, next);
            return now.row != nullptr;
        });
    }

    // The row as it is, from now on for so long: a change like any other.
    written touch(argument const& key, ttl lives)
    {
        return write(key, put_result::missing, &lives,
                     [&](auto const& now, std::uint64_t*) { return now.row != nullptr; });
    }

    // Only if the row still has this revision: exactly one of many racing callers succeeds.
    written compare_and_set(argument const& key, std::uint64_t revision, Row const& row,
                            ttl lives = forever)
    {
        bool there = false;
        auto const done =
            write(key, put_result::conflict, &lives, [&](auto const& now, std::uint64_t* next) {
                there = now.row != nullptr;
                detail::to_words(row, next);
                return there && now.revision == revision;
            });
        if (done == put_result::conflict && !there)
            return {put_result::missing, 0};
        return done;
    }

    // Stores what next_of(std::optional<Row> const& now) returns; an empty optional changes
    // nothing. The row's time to live stays. The function runs under the shard's lock: keep it
    // short, and write nothing in it; in a full map that makes room it may run again. What it
    // throws is passed on, and nothing has changed.
    template <class Change>
    written update(argument const& key, Change next_of)
    {
        return write(key, put_result::unchanged, nullptr, [&](auto const& now, std::uint64_t* to) {
            std::optional<Row> before;
            if (now.row != nullptr)
                detail::read_words(before.emplace(), now.row);
            std::optional<Row> const next = next_of(std::as_const(before));
            if (next)
                detail::to_words(*next, to);
            return next.has_value();
        });
    }

    erased erase(argument const& key)
    {
        if (!key.fits)
            return {erase_result::missing, 0};
        words scratch;
        auto const wanted = detail::as_words(key.key);
        auto const done =
            rows().erase(wanted.data(), scratch.data(), [](auto const&) { return true; });
        if (done.result == shm::outcome::busy)
            return {erase_result::busy, 0};
        if (done.result == shm::outcome::quarantined)
            return {erase_result::quarantined, 0};
        if (done.result == shm::outcome::missing)
            return {erase_result::missing, 0};
        return {erase_result::erased, done.revision};
    }

    // Removes rows whose time is over, at most so many, each announced as change_kind::expire; how
    // many there were. They are not to be seen any more in any case: this is for handlers and room.
    std::uint64_t expire(std::uint64_t most = std::uint64_t{1} << 32)
    {
        words scratch;
        return rows().expire(most, scratch.data());
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
        if (raw.kind != change_kind::resync)
            out.key = detail::from_words<Key>(raw.key);
        if (raw.kind == change_kind::put)
            out.after = detail::from_words<Row>(raw.row);
        handler(out);
    }

  private:
    friend class transaction;
    static constexpr std::size_t key_size = detail::words_of<Key>;
    static constexpr std::size_t row_size = detail::words_of<Row>;
    using words = std::array<std::uint64_t, 1 + key_size + row_size + 1>; // a slot, with an expiry

    static field_description describe(std::string name, covey::capacity room, retention keep)
    {
        return {.name = std::move(name),
                .kind = field_kind::map,
                .key_type = detail::shared_type<Key>::name(),
                .row_type = detail::shared_type<Row>::name(),
                .key_bytes = 8 * key_size,
                .row_bytes = 8 * detail::words_of<Row>,
                .capacity = room.rows,
                .keep = keep};
    }

    static Row row_of(std::uint64_t const* slot)
    {
        return detail::from_words<Row>(slot + 1 + key_size);
    }

    void check_time(ttl lives) const
    {
        if (!lives.is_forever() && !keep_.expires)
            throw std::logic_error{"map " + name() + " is declared without retention::expires"};
    }

    // `lives` is null when the row's time stays as it is.
    template <class Decide>
    written write(argument const& key, put_result kept, ttl const* lives, Decide decide)
    {
        if (!key.fits)
            return {put_result::too_long, 0};
        bool const expires = keep_.expires;
        if (lives != nullptr)
            check_time(*lives);
        words scratch;
        auto const wanted = detail::as_words(key.key);
        auto const done = rows().write(wanted.data(), scratch.data(),
                                       [&](shm::current_row const& now, std::uint64_t* next) {
                                           if (!decide(now, next))
                                               return false;
                                           if (expires && lives != nullptr)
                                               next[row_size] = shm::table::expiry_of(*lives);
                                           return true;
                                       });
        return {shm::to_put_result(done.result, kept), done.revision, done.evicted};
    }

    shm::table const& rows() const { return who(), rows_; }
    shm::table& rows() { return who(), rows_; }
    void bound(participant::core& who) override { rows_ = shm::table{who, index()}; }

    retention keep_;
    shm::table rows_;
};

} // namespace covey
