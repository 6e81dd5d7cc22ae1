// value<string<N>>, value<blob<N>>: one value of any size up to N bytes: a page, a list, a key.
//
// The promises of value.hpp; it is empty until somebody writes it. The field has room for itself
// and for the next, so a put is never full.
#pragma once

#include "blob.hpp"
#include "value.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace covey {

template <detail::body Body>
class value<Body> : public field
{
    using type = detail::body_type<Body>;

  public:
    using owned = typename type::owned; // std::string, std::vector<std::byte>
    using view = typename type::view;   // std::string_view, std::span<std::byte const>
    using place = typename type::place; // std::span<char>, std::span<std::byte>
    using change = value_change<owned>;
    using watching = row_watching<owned>;

    value(state& owner, std::string name)
        : field{owner, describe(std::move(name))}
    {}

    owned get() const { return find().row; }

    // With its revision (0: nobody has written it), for compare_and_set.
    versioned<owned> find() const
    {
        versioned<owned> out;
        slot words;
        row().read(nullptr, words.data(), detail::grow(out.row));
        out.revision = words[0];
        return out;
    }

    // Into a buffer of the caller's: as much of the value as it holds. Returns the value's whole
    // length.
    std::size_t read(place into) const
    {
        std::size_t length = 0;
        slot words;
        row().read(nullptr, words.data(), detail::fit(into, length));
        return length;
    }

    // More than N bytes are too_long.
    written put(view next)
    {
        return store(next, put_result::unchanged, [](auto const&) { return true; });
    }

    // Only if it still has this revision: exactly one of many racing callers succeeds.
    written compare_and_set(std::uint64_t revision, view next)
    {
        return store(next, put_result::conflict,
                     [=](auto const& now) { return now.revision == revision; });
    }

    // Stores what next_of(owned const& now) returns (one of those, or an optional that may be
    // empty: no change). The function runs under the value's lock: keep it short, and write nothing
    // in it. What it throws is passed on, and nothing has changed. It allocates.
    template <class Change>
    written update(Change next_of)
    {
        bool fits = true;
        std::optional<owned> next;
        auto const done = write(put_result::unchanged, [&](auto const& now, auto& body) {
            owned before;
            row().read_body(now, detail::grow(before));
            next = next_of(std::as_const(before));
            fits = !next || next->size() <= type::bound;
            if (next)
                body = {detail::bytes_of(view{*next}), true};
            return next && fits;
        });
        return fits ? done : written{put_result::too_long, 0};
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
        if (raw.kind == change_kind::put)
            detail::assign(out.after.emplace(), raw.body);
        handler(out);
    }

  private:
    using slot = std::array<std::uint64_t, 1 + shm::body_words>;

    static field_description describe(std::string name)
    {
        field_description out{.name = std::move(name), .kind = field_kind::value, .capacity = 1};
        out.initial.resize(shm::body_words);
        detail::describe_body<Body>(out, room{});
        return out;
    }

    template <class Allowed>
    written store(view next, put_result kept, Allowed allowed)
    {
        if (next.size() > type::bound)
            return {put_result::too_long, 0};
        return write(kept, [&](shm::current_row const& now, shm::next_body& body) {
            body = {detail::bytes_of(next), true};
            return allowed(now);
        });
    }

    template <class Decide>
    written write(put_result kept, Decide decide)
    {
        slot words;
        shm::next_body body;
        auto const done = row().write(
            nullptr, words.data(),
            [&](shm::current_row const& now, std::uint64_t*) { return decide(now, body); }, &body);
        return {shm::to_put_result(done.result, kept), done.revision};
    }

    shm::table const& row() const { return who(), row_; }
    shm::table& row() { return who(), row_; }
    void bound(participant::core& who) override { row_ = shm::table{who, index()}; }

    shm::table row_;
};

} // namespace covey
