// inbox: messages and requests that the application has not taken yet, in the order of arrival.
//
// One whose handles were lost on the way keeps its place until they come again; nothing behind it
// is given out meanwhile. The conversation's window bounds what is in here.
#pragma once

#include <covey/protocol/passed_handle.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace covey::protocol::detail {

struct heard
{
    bool is_request = false;
    bool awaits_handles = false;
    std::uint64_t number = 0; // the sender's
    std::vector<unsigned char> body;
    std::vector<passed_handle> handles;
    std::size_t weight = 0;    // in the window
    std::uint64_t arrival = 0; // the inbox's own count
};

class inbox
{
  public:
    void push(heard what);

    // Takes the next one out. Without a taker for its sort it waits, and those of the other sort
    // pass it by.
    std::optional<heard> next(bool messages_wanted, bool requests_wanted);
    bool has_next(bool messages_wanted, bool requests_wanted);

    // The one of that number whose handles were lost; nullptr when there is none. Valid until the
    // next call.
    heard* awaiting(std::uint64_t number);

    // Takes that one out, without its handles.
    std::optional<heard> drop(std::uint64_t number);

    // Forgets requests, and whatever awaits handles: nobody can be answered any more.
    void drop_unanswerable();
    void clear();

  private:
    std::deque<heard>* source(bool messages_wanted, bool requests_wanted);

    std::deque<heard> messages_;
    std::deque<heard> requests_;
    std::uint64_t arrivals_ = 0;
};

} // namespace covey::protocol::detail
