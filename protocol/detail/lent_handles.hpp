// lent_handles: handles that were sent and that the peer has not said to have. A duplicate of each
// stays here until then: what the peer's full descriptor table has lost is sent again from it.
#pragma once

#include <covey/protocol/handle.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace covey::protocol::detail {

namespace net = boost::asio;

inline constexpr std::size_t handle_tries_max = 3; // after the first; 10, 100 and 1000 ms later

class lent_handles : public std::enable_shared_from_this<lent_handles>
{
  public:
    struct loan
    {
        std::vector<unsigned char> kinds;
        std::vector<shared_handle> handles;
    };

    lent_handles(net::any_io_executor executor,
                 std::function<void(std::uint64_t, loan const&)> again)
        : executor_{std::move(executor)}
        , again_{std::move(again)}
    {}

    bool empty() const { return loans_.empty(); }
    void add(std::uint64_t number, loan lent);

    // The peer has them, or does not need them any more. A number that is not here is nothing.
    void taken(std::uint64_t number);

    // The peer has lost them: calls `again` after a pause. False when it has been tried often
    // enough: then they are forgotten.
    bool lost(std::uint64_t number);

    void clear() { loans_.clear(); }

  private:
    struct entry
    {
        loan lent;
        std::size_t tries = 0;
        std::unique_ptr<net::steady_timer> pause;
    };

    net::any_io_executor executor_;
    std::function<void(std::uint64_t, loan const&)> again_;
    std::map<std::uint64_t, entry> loans_;
};

} // namespace covey::protocol::detail
