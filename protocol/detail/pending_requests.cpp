#include "pending_requests.hpp"

#include <algorithm>

namespace covey::protocol::detail {

using boost::system::error_code;

void pending_requests::add(std::uint64_t number, std::chrono::milliseconds timeout, handler waits)
{
    if (auto slot = net::get_associated_cancellation_slot(waits); slot.is_connected())
        slot.assign([weak = weak_from_this(), number](net::cancellation_type) {
            if (auto const self = weak.lock())
                self->complete(number, net::error::operation_aborted);
        });
    // A caller's "for ever" must not wrap around.
    auto const within = std::min<std::chrono::milliseconds>(timeout, std::chrono::years{1});
    auto const deadline = clock::now() + within;
    deadlines_.emplace(deadline, number);
    waiting_.emplace(number, request{deadline, std::move(waits)});
    arm();
}

void pending_requests::complete(std::uint64_t number, error_code result, message reply)
{
    auto found = waiting_.extract(number);
    if (!found)
        return;
    deadlines_.erase({found.mapped().deadline, number});
    post_completion(timer_.get_executor(), take_handler(found.mapped().waits), result,
                    std::move(reply));
    if (waiting_.empty()) {
        armed_ = false;
        timer_.cancel(); // it would keep the loop from running out of work
    }
}

void pending_requests::fail_all(error_code reason)
{
    while (!waiting_.empty())
        complete(waiting_.begin()->first, reason);
}

void pending_requests::refuse(handler refused, error_code reason)
{
    post_completion(timer_.get_executor(), std::move(refused), reason, message{});
}

void pending_requests::abandon()
{
    deadlines_.clear();
    auto const dropped = std::exchange(waiting_, {});
}

// The timer is set to the earliest deadline, or an earlier one that has been answered since: most
// requests are, so it is not set back for each.
void pending_requests::arm()
{
    if (deadlines_.empty())
        return;
    auto const first = deadlines_.begin()->first;
    if (armed_ && timer_.expiry() <= first)
        return;
    armed_ = true;
    timer_.expires_at(first);
    timer_.async_wait(waiter<pending_requests>{shared_from_this(), &pending_requests::on_deadline});
}

void pending_requests::on_deadline(error_code failed)
{
    if (failed) // set to another time, or cancelled
        return;
    armed_ = false;
    auto const now = clock::now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now)
        complete(deadlines_.begin()->second, net::error::timed_out);
    arm();
}

} // namespace covey::protocol::detail
