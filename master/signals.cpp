#include "signals.hpp"

#include <algorithm>
#include <covey/protocol/handle.hpp>
#include <fcntl.h>
#include <utility>

namespace covey::supervision {

namespace {

signal_row const* row_of(int number)
{
    auto const* const found =
        std::find_if(signal_table.begin(), signal_table.end(),
                     [&](signal_row const& row) { return row.number == number; });
    return found == signal_table.end() ? nullptr : found;
}

std::array<int, signal_table.size()> all_numbers()
{
    std::array<int, signal_table.size()> out{};
    std::transform(signal_table.begin(), signal_table.end(), out.begin(),
                   [](signal_row const& row) { return row.number; });
    return out;
}

bool is_stop(signal_wish wish)
{
    return wish == signal_wish::stop || wish == signal_wish::stop_fast ||
           wish == signal_wish::stop_now;
}

} // namespace

std::string_view signal_name(int number)
{
    auto const* const row = row_of(number);
    return row == nullptr ? "a signal" : row->name;
}

bool has_terminal()
{
    return handle{::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC)}.is_open();
}

std::optional<signal_wish> signal_reader::read(time_point now, int number, surroundings const& here)
{
    auto const* const row = row_of(number);
    if (row == nullptr || (number == SIGWINCH && here.has_terminal))
        return std::nullopt;
    auto wish = here.is_stopping ? row->stopping : row->first;
    if (number == SIGHUP && here.lost_terminal)
        wish = signal_wish::stop;
    if (!is_stop(wish))
        return wish;
    if (number == last_ && now - last_at_ < one_wish)
        return std::nullopt;
    last_ = number;
    last_at_ = now;
    return wish;
}

signal_orders::signal_orders(net::any_io_executor const& executor, std::function<void(int)> order)
    : signals_{executor, all_numbers(), std::move(order)}
{
    struct sigaction ignore
    {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &pipe_before_);
}

signal_orders::~signal_orders()
{
    ::sigaction(SIGPIPE, &pipe_before_, nullptr);
}

} // namespace covey::supervision
