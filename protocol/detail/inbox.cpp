#include "inbox.hpp"

#include <algorithm>
#include <utility>

namespace covey::protocol::detail {

void inbox::push(heard what)
{
    what.arrival = ++arrivals_;
    (what.is_request ? requests_ : messages_).push_back(std::move(what));
}

std::deque<heard>* inbox::source(bool messages_wanted, bool requests_wanted)
{
    bool const messages = messages_wanted && !messages_.empty();
    bool const requests = requests_wanted && !requests_.empty();
    if (!messages && !requests)
        return nullptr;
    bool const request_first =
        !messages || (requests && requests_.front().arrival < messages_.front().arrival);
    auto* const first = request_first ? &requests_ : &messages_;
    return first->front().awaits_handles ? nullptr : first;
}

std::optional<heard> inbox::next(bool messages_wanted, bool requests_wanted)
{
    auto* const from = source(messages_wanted, requests_wanted);
    if (!from)
        return std::nullopt;
    std::optional<heard> out{std::move(from->front())};
    from->pop_front();
    return out;
}

bool inbox::has_next(bool messages_wanted, bool requests_wanted)
{
    return source(messages_wanted, requests_wanted) != nullptr;
}

heard* inbox::awaiting(std::uint64_t number)
{
    for (auto* const all : {&messages_, &requests_})
        for (heard& each : *all)
            if (each.awaits_handles && each.number == number)
                return &each;
    return nullptr;
}

std::optional<heard> inbox::drop(std::uint64_t number)
{
    for (auto* const all : {&messages_, &requests_})
        for (auto each = all->begin(); each != all->end(); ++each)
            if (each->awaits_handles && each->number == number) {
                std::optional<heard> out{std::move(*each)};
                all->erase(each);
                return out;
            }
    return std::nullopt;
}

void inbox::drop_unanswerable()
{
    requests_.clear();
    std::erase_if(messages_, [](heard const& each) { return each.awaits_handles; });
}

void inbox::clear()
{
    messages_.clear();
    requests_.clear();
}

} // namespace covey::protocol::detail
