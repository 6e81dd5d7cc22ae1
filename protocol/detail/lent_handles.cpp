#include "lent_handles.hpp"

#include <boost/system/error_code.hpp>
#include <chrono>
#include <utility>

namespace covey::protocol::detail {

void lent_handles::add(std::uint64_t number, loan lent)
{
    loans_.emplace(number, entry{std::move(lent), 0, nullptr});
}

void lent_handles::taken(std::uint64_t number)
{
    loans_.erase(number);
}

bool lent_handles::lost(std::uint64_t number)
{
    auto const found = loans_.find(number);
    if (found == loans_.end() || found->second.pause)
        return true; // a lie: nothing of that number is on its way
    entry& lost = found->second;
    if (lost.tries == handle_tries_max) {
        loans_.erase(found);
        return false;
    }
    std::chrono::milliseconds pause{10};
    for (auto before = lost.tries++; before > 0; --before)
        pause *= 10;
    lost.pause = std::make_unique<net::steady_timer>(executor_, pause);
    lost.pause->async_wait([weak = weak_from_this(), number](boost::system::error_code stopped) {
        auto const self = weak.lock();
        if (stopped || !self)
            return;
        auto const still = self->loans_.find(number);
        if (still == self->loans_.end())
            return;
        still->second.pause = nullptr;
        self->again_(number, still->second.lent);
    });
    return true;
}

} // namespace covey::protocol::detail
