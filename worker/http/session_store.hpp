// session_store: what a program knows of a client between its requests, by a cookie, whichever
// worker answers.
//
//   struct visitor { covey::text<40> user; std::uint32_t visits = 0; };
//   BOOST_DESCRIBE_STRUCT(visitor, (), (user, visits))
//
//   struct shop : covey::state
//   {
//       covey::map<covey::text<32>, visitor> sessions{*this, "sessions", covey::capacity{10'000},
//                                                    {.expires = true}};
//   };
//
//   http::session_store sessions{worker.state().sessions, {.lives = 30min}};
//   if (auto here = sessions.find(asked)) ...
//
// Ids are 128 random bits; who has not been given one cannot guess one, and an id that was not
// given out is never taken over from a client. Rows go when their time is over; a request makes it
// begin anew. All calls on the worker's thread; nothing blocks but for the map's lock.
#pragma once

#include "cookie.hpp"
#include "message.hpp"
#include "random_id.hpp"

#include <array>
#include <chrono>
#include <covey/shm/map.hpp>
#include <covey/shm/text.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace covey::http {

struct session_options
{
    std::chrono::seconds lives{1'800}; // after the last request that found it
    // Name and attributes; its value and time are the store's. A browser takes __Host- names from
    // TLS, or from localhost, only.
    http::cookie cookie{.name = "__Host-session"};
};

template <class Row>
class session_store
{
  public:
    using rows = map<covey::text<32>, Row>; // declared with retention::expires

    struct found
    {
        std::string id;
        Row row;
        std::uint64_t revision; // for compare_and_set
    };

    // `in` outlives the store. Throws std::invalid_argument for a cookie that is none.
    explicit session_store(rows& in, session_options how = {})
        : rows_{in}
        , how_{std::move(how)}
    {
        response probe;
        set_cookie(probe, how_.cookie);
    }

    // The client's session, if it has one that lives, which then lives for so long again. That is a
    // write, and one change told, once in a sixteenth of its time and worker.
    std::optional<found> find(request const& asked)
    {
        auto const id = id_in(asked);
        auto const row = id.empty() ? std::nullopt : rows_.find(id);
        if (!row)
            return std::nullopt;
        keep_alive(id);
        return found{std::string{id}, row->row, row->revision};
    }

    // Begins a session and has the client told. Look whether it was stored: a full map takes none.
    // After a login begin a new one and end the old: an id that was known before it could be a
    // stranger's gift.
    written begin(response& answer, Row const& row)
    {
        auto const id = random_id();
        auto const done = rows_.add(id, row, how_.lives);
        if (done.stored()) {
            auto told = how_.cookie;
            told.value = id;
            told.lives = how_.lives;
            set_cookie(answer, told);
        }
        return done;
    }

    // Stores what `change(Row&)` makes of the client's session; missing when it has none. The
    // function runs under the lock of the row: keep it short.
    template <class Change>
    written update(request const& asked, Change change)
    {
        auto const id = id_in(asked);
        if (id.empty())
            return {put_result::missing, 0};
        bool there = false;
        auto const done = rows_.update(id, [&](std::optional<Row> const& now) {
            there = now.has_value();
            auto next = now;
            if (next)
                change(*next);
            return next;
        });
        return done == put_result::unchanged && !there ? written{put_result::missing, 0} : done;
    }

    // Forgets it, here and at the client.
    void end(request const& asked, response& answer)
    {
        auto const id = id_in(asked);
        if (id.empty())
            return;
        rows_.erase(id);
        forget_cookie(answer, how_.cookie);
    }

  private:
    using clock = std::chrono::steady_clock;

    struct touched
    {
        std::size_t id = 0; // its hash
        clock::time_point at{};
    };

    // Empty when it has none that could be one.
    std::string_view id_in(request const& asked) const
    {
        auto const id = asked.cookie(how_.cookie.name).value_or(std::string_view{});
        return is_random_id(id) ? id : std::string_view{};
    }

    // A few thousand of the last touches are remembered; one that is forgotten is a write more.
    void keep_alive(std::string_view id)
    {
        auto const hash = std::hash<std::string_view>{}(id);
        auto& last = touched_[hash % touched_.size()];
        auto const now = clock::now();
        if (last.id == hash && now - last.at < how_.lives / 16)
            return;
        rows_.touch(id, how_.lives);
        last = {hash, now};
    }

    rows& rows_;
    session_options how_;
    std::array<touched, 2048> touched_{};
};

template <class Row>
session_store(map<covey::text<32>, Row>&, session_options) -> session_store<Row>;

} // namespace covey::http
