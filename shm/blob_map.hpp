// map<Key, string<N>>, map<Key, blob<N>>: values of any size up to N bytes, by key.
//
// All that map.hpp promises of rows: reads take no lock and wait for nobody, a value is seen whole
// or not at all, an acknowledged write survives any death, every change is told once (with the
// value as it is then: changes of one key that follow quickly fold into the newest). The values lie
// in a pool of the field's own (room); `full` is a map without a free row, or without room for the
// value beside all others, the one that it replaces included. A map that makes room takes away as
// many rows as that needs.
// A put, and a read into a buffer of the caller's, allocate nothing and make no system call.
#pragma once

#include "blob.hpp"
#include "map.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace covey {

template <class Key, detail::body Body>
class map<Key, Body> : public field
{
    static_assert(detail::check_key<Key>());
    using type = detail::body_type<Body>;

  public:
    using owned = typename type::owned; // std::string, std::vector<std::byte>
    using view = typename type::view;   // std::string_view, std::span<std::byte const>
    using place = typename type::place; // std::span<char>, std::span<std::byte>
    using change = map_change<Key, owned>;
    using watching = map_watching<Key, owned>;
    using argument = key_argument<Key>;

    map(state& owner, std::string name, covey::capacity rows, retention keep = {})
        : map{owner, std::move(name), rows, room{}, keep}
    {}
    map(state& owner, std::string name, covey::capacity rows, room pool, retention keep = {})
        : field{owner, describe(std::move(name), rows, pool, keep)}
        , keep_{keep}
    {}

    // ---- reading ----
    std::optional<owned> get(argument const& key) const
    {
        auto found = find(key);
        return found ? std::optional<owned>{std::move(found->row)} : std::nullopt;
    }

    // The value with its revision, for compare_and_set.
    std::optional<versioned<owned>> find(argument const& key) const
    {
        versioned<owned> out;
        slot words;
        auto const wanted = detail::as_words(key.key);
        if (!key.fits || !rows().read(wanted.data(), words.data(), detail::grow(out.row)))
            return std::nullopt;
        out.revision = words[0];
        return out;
    }

    // Into a buffer of the caller's: as much of the value as it holds. Returns the value's whole
    // length; none when there is no row, and then the buffer may hold anything.
    std::optional<std::size_t> read(argument const& key, place into) const
    {
        std::size_t length = 0;
        slot words;
        auto const wanted = detail::as_words(key.key);
        if (!key.fits || !rows().read(wanted.data(), words.data(), detail::fit(into, length)))
            return std::nullopt;
        return length;
    }

    bool contains(argument const& key) const
    {
        slot words;
        auto const wanted = detail::as_words(key.key);
        return key.fits && rows().read(wanted.data(), words.data());
    }

    // visit(Key const&, owned const&, std::uint64_t revision), in no order. Every row that is there
    // throughout is visited exactly once; no lock is held during the calls.
    template <class Visit>
    void for_each(Visit visit) const
    {
        versioned<owned> found;
        slot words;
        rows().for_each([&](std::uint64_t const* row) {
            if (rows().read(row + 1, words.data(), detail::grow(found.row)))
                visit(detail::from_words<Key>(words.data() + 1), std::as_const(found.row),
                      words[0]);
        });
    }

    std::uint64_t size() const { return rows().size(); }
    std::uint64_t capacity() const { return rows().capacity(); }

    // ---- writing ----
    //
    // A value of more than N bytes is too_long. `lives` is for a map that expires; a put without it
    // lives for ever.
    written put(argument const& key, view value, ttl lives = forever)
    {
        return store(key, value, put_result::unchanged, lives, [](auto const&) { return true; });
    }

    // Only if there is no row yet.
    written add(argument const& key, view value, ttl lives = forever)
    {
        return store(key, value, put_result::exists, lives,
                     [](auto const& now) { return now.row == nullptr; });
    }

    // Only if there is a row.
    written replace(argument const& key, view value, ttl lives = forever)
    {
        return store(key, value, put_result::missing, lives,
                     [](auto const& now) { return now.row != nullptr; });
    }

    // The value as it is, from now on for so long: a change like any other.
    written touch(argument const& key, ttl lives)
    {
        return write(key, put_result::missing, &lives,
                     [](auto const& now, auto&) { return now.row != nullptr; });
    }

    // Only if the row still has this revision: exactly one of many racing callers succeeds.
    written compare_and_set(argument const& key, std::uint64_t revision, view value,
                            ttl lives = forever)
    {
        bool there = false;
        auto const done = store(key, value, put_result::conflict, lives, [&](auto const& now) {
            there = now.row != nullptr;
            return there && now.revision == revision;
        });
        if (done == put_result::conflict && !there)
            return {put_result::missing, 0};
        return done;
    }

    // Stores what next_of(std::optional<owned> const& now) returns; an empty optional changes
    // nothing. The row's time to live stays. The function runs under the shard's lock: keep it
    // short, and write nothing in it; in a full map that makes room it may run again. What it
    // throws is passed on, and nothing has changed. It allocates.
    template <class Change>
    written update(argument const& key, Change next_of)
    {
        bool fits = true;
        std::optional<owned> next;
        auto const done = write(key, put_result::unchanged, nullptr,
                                [&](shm::current_row const& now, auto& body) {
                                    std::optional<owned> before;
                                    if (now.row != nullptr)
                                        rows().read_body(now, detail::grow(before.emplace()));
                                    next = next_of(std::as_const(before));
                                    fits = !next || next->size() <= type::bound;
                                    if (next)
                                        body = {detail::bytes_of(view{*next}), true};
                                    return next && fits;
                                });
        return fits ? done : written{put_result::too_long, 0};
    }

    erased erase(argument const& key)
    {
        if (!key.fits)
            return {erase_result::missing, 0};
        slot words;
        auto const wanted = detail::as_words(key.key);
        auto const done =
            rows().erase(wanted.data(), words.data(), [](auto const&) { return true; });
        switch (done.result) {
        case shm::outcome::busy:
            return {erase_result::busy, 0};
        case shm::outcome::quarantined:
            return {erase_result::quarantined, 0};
        case shm::outcome::missing:
            return {erase_result::missing, 0};
        default:
            return {erase_result::erased, done.revision};
        }
    }

    // Removes rows whose time is over, at most so many, each announced as change_kind::expire; how
    // many there were. They are not to be seen any more in any case: this is for handlers and room.
    std::uint64_t expire(std::uint64_t most = std::uint64_t{1} << 32)
    {
        slot words;
        return rows().expire(most, words.data());
    }

    // What a subscription calls.
    static raw_watching raw(watching what)
    {
        return detail::raw_of(std::move(what), [](raw_change const& put) {
            return detail::body_of<owned>(put.body);
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
            detail::assign(out.after.emplace(), raw.body);
        handler(out);
    }

  private:
    static constexpr std::size_t key_size = detail::words_of<Key>;
    using slot = std::array<std::uint64_t, 1 + key_size + shm::body_words + 1>; // with an expiry

    static field_description describe(std::string name, covey::capacity rows, room pool,
                                      retention keep)
    {
        field_description out{.name = std::move(name),
                              .kind = field_kind::map,
                              .key_type = detail::shared_type<Key>::name(),
                              .key_bytes = 8 * key_size,
                              .capacity = rows.rows,
                              .keep = keep};
        detail::describe_body<Body>(out, pool);
        return out;
    }

    template <class Allowed>
    written store(argument const& key, view value, put_result kept, ttl lives, Allowed allowed)
    {
        if (value.size() > type::bound)
            return {put_result::too_long, 0};
        return write(key, kept, &lives, [&](shm::current_row const& now, shm::next_body& body) {
            body = {detail::bytes_of(value), true};
            return allowed(now);
        });
    }

    // `lives` is null when the row's time stays as it is.
    template <class Decide>
    written write(argument const& key, put_result kept, ttl const* lives, Decide decide)
    {
        if (!key.fits)
            return {put_result::too_long, 0};
        if (lives != nullptr && !lives->is_forever() && !keep_.expires)
            throw std::logic_error{"map " + name() + " is declared without retention::expires"};
        slot words;
        shm::next_body body;
        auto const wanted = detail::as_words(key.key);
        auto const done = rows().write(
            wanted.data(), words.data(),
            [&](shm::current_row const& now, std::uint64_t* next) {
                if (!decide(now, body))
                    return false;
                if (keep_.expires && lives != nullptr)
                    next[shm::body_words] = shm::table::expiry_of(*lives);
                return true;
            },
            &body);
        return {shm::to_put_result(done.result, kept), done.revision, done.evicted};
    }

    shm::table const& rows() const { return who(), rows_; }
    shm::table& rows() { return who(), rows_; }
    void bound(participant::core& who) override { rows_ = shm::table{who, index()}; }

    retention keep_;
    shm::table rows_;
};

} // namespace covey
