// deadlines: until when each of a server's sessions waits, in one row, so that looking at ten
// thousand of them every tick reads the lines that the row fills and none of theirs.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace covey::http {

class session;

class deadlines
{
  public:
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr time_point never = time_point::max();

    std::size_t add(session& who) // its place
    {
        row_.push_back({never, &who});
        return row_.size() - 1;
    }
    void set(std::size_t place, time_point when) { row_[place].when = when; }

    // Who gets the place: the last one; null when it was that one's.
    session* remove(std::size_t place)
    {
        auto const last = row_.back();
        row_.pop_back();
        if (place == row_.size())
            return nullptr;
        row_[place] = last;
        return last.who;
    }

    // Calls visit(session&) for each whose time has come; it removes none.
    template <class Visit>
    void over(time_point now, Visit visit) const
    {
        for (auto const& each : row_)
            if (each.when <= now)
                visit(*each.who);
    }

  private:
    struct entry
    {
        time_point when;
        session* who;
    };
    std::vector<entry> row_;
};

} // namespace covey::http
