#include "handover.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace covey::supervision {

void handover::add(passed_connection connection)
{
    waiting_.push_back({next_ticket_++, std::move(connection)});
}

std::optional<handover::parcel> handover::next() const
{
    auto one = std::find_if(waiting_.begin(), waiting_.end(),
                            [this](entry const& each) { return each.ticket >= not_left_; });
    if (one == waiting_.end())
        return std::nullopt;
    parcel out{.message = {.ticket = one->ticket, .listener = one->connection.listener},
               .handles = {}};
    for (; one != waiting_.end() && out.handles.size() != message_max &&
           one->connection.listener == out.message.listener;
         ++one)
        out.handles.push_back(one->connection.socket);
    return out;
}

void handover::left(parcel const& sent)
{
    not_left_ = sent.message.ticket + sent.handles.size();
}

std::size_t handover::accepted(std::uint64_t ticket)
{
    if (ticket >= not_left_)
        return 0;
    auto const last = std::find_if(waiting_.begin(), waiting_.end(),
                                   [&](entry const& each) { return each.ticket > ticket; });
    auto const count = std::distance(waiting_.begin(), last);
    waiting_.erase(waiting_.begin(), last);
    return static_cast<std::size_t>(count);
}

std::optional<passed_connection> handover::rejected(std::uint64_t ticket)
{
    auto const found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](entry const& each) { return each.ticket == ticket; });
    if (found == waiting_.end() || ticket >= not_left_)
        return std::nullopt;
    auto out = std::move(found->connection);
    waiting_.erase(found);
    ++out.rejections;
    return out;
}

std::vector<passed_connection> handover::take_all()
{
    std::vector<passed_connection> out;
    for (auto& one : waiting_)
        out.push_back(std::move(one.connection));
    waiting_.clear();
    not_left_ = next_ticket_;
    return out;
}

} // namespace covey::supervision
