// reloading: from the wish for a new generation to its one verdict.
//
// Requests wait, one reload runs. It starts a fresh life for every wanted seat, at_once of them at
// a time, while the old ones serve; when all are ready, all seats switch. The first fresh life that
// is lost ends it: the fresh ones go, the old set stays.
//
// A seat that nobody serves or is about to serve is not left waiting: its fresh life is started out
// of turn, holds the seat as soon as it is ready, and keeps it whatever becomes of the reload.
#pragma once

#include "roster.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace covey::supervision {

class reloading
{
  public:
    reloading(roster& roster, std::uint32_t at_once, std::uint32_t generations_max);

    // Returns the request's number.
    std::uint64_t ask();

    bool is_running() const { return running_.has_value(); }
    bool is_wanted() const { return running_ || waiting_; }
    bool is_of(life const& one) const { return running_ && one.generation == generation_; }
    // That the set which serves belongs to.
    std::uint32_t serving_generation() const { return serving_; }

    bool can_begin() const; // somebody waits, and there are not too many generations
    void begin();
    // Starts what may be started; ends when all is ready, or when nothing can come of it. True when
    // the new generation serves from now on.
    bool advance(time_point now);
    void abort(time_point now, std::string const& why);
    // Nobody is to wait any more: every request gets its verdict.
    void refuse_all(time_point now, std::string const& why);

  private:
    struct requests
    {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
    };

    bool is_renewed(seat const& at) const;
    bool wants_fork(seat const& at, time_point now, std::uint32_t starting) const;
    bool start_some(time_point now);
    void finish(requests const& whose, bool done, std::string const& text);

    roster& roster_;
    std::uint32_t at_once_;
    std::uint32_t generations_max_;
    std::uint64_t last_request_ = 0;
    std::uint32_t generation_ = 0; // the newest that was begun
    std::uint32_t serving_ = 0;
    std::optional<requests> waiting_;
    std::optional<requests> running_;
};

} // namespace covey::supervision
