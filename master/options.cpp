#include "options.hpp"

#include "allowed_cpus.hpp"
#include "listen_address.hpp"

#include <algorithm>
#include <array>
#include <covey/protocol/log.hpp>
#include <covey/shm/segment.hpp>
#include <fmt/format.h>
#include <set>
#include <utility>

namespace covey {

namespace {

using namespace std::chrono_literals;

constexpr std::array<std::pair<dispatch_policy, std::string_view>, 6> policies{{
    {dispatch_policy::shared, "shared"},
    {dispatch_policy::round_robin, "round_robin"},
    {dispatch_policy::least_loaded, "least_loaded"},
    {dispatch_policy::reuseport, "reuseport"},
    {dispatch_policy::hash, "hash"},
    {dispatch_policy::custom, "custom"},
}};

constexpr std::array<std::pair<giveup_action, std::string_view>, 3> giveup_actions{{
    {giveup_action::keep, "keep"},
    {giveup_action::stop, "stop"},
    {giveup_action::exit, "exit"},
}};

constexpr std::size_t name_bytes_max = 32; // the segment's header has room for as many
constexpr auto duration_max = 24h * 365;   // keeps every sum of deadlines far from overflow

std::string wrong_name(std::string const& text)
{
    if (text.empty())
        return "name is empty: give the cluster a name of 1 to 32 characters";
    if (text.size() > name_bytes_max)
        return fmt::format("name has {} characters: give the cluster a name of 1 to {}",
                           text.size(), name_bytes_max);
    if (std::any_of(text.begin(), text.end(),
                    [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        return "name has a control character in it: use letters, digits, '-' and '_'";
    return {};
}

std::string wrong_listen(std::vector<std::string> const& addresses)
{
    if (addresses.empty())
        return "listen is empty: name at least one address, such as 127.0.0.1:8080";
    std::set<std::string> seen;
    for (auto const& text : addresses) {
        supervision::listen_address address;
        if (auto wrong = supervision::parse(text, address); !wrong.empty())
            return wrong;
        bool const picks_a_port = !address.is_unix() && address.port == 0;
        if (!seen.insert(text).second && !picks_a_port)
            return fmt::format("listen on {}: the address is named twice; name it once", text);
    }
    return {};
}

std::string wrong_durations(options const& given)
{
    struct row
    {
        std::string_view name;
        std::chrono::microseconds value;
        std::chrono::microseconds least;
    };
    auto const& restart = given.restart;
    for (auto const& [word, value, least] :
         {row{"drain_deadline", given.drain_deadline, 0us},
          row{"kill_after", given.kill_after, 0us}, row{"close_spread", given.close_spread, 0us},
          row{"boot_timeout", given.boot_timeout, 1ms},
          row{"ready_timeout", given.ready_timeout, 1ms},
          row{"hang_timeout", given.hang_timeout, 0us},
          row{"restart.backoff_min", restart.backoff_min, 1ms},
          row{"restart.backoff_max", restart.backoff_max, 1ms},
          row{"restart.healthy_after", restart.healthy_after, 0us},
          row{"restart.period", restart.period, 1ms}, row{"recycle.age", given.recycle.age, 0us},
          row{"rejection_wait", given.rejection_wait, 0us}, row{"busy_poll", given.busy_poll, 0us}})
        if (value < least || value > duration_max)
            return fmt::format("{} is out of range: choose a time from {} to a year", word,
                               least == 0us ? "0" : "1 ms");
    if (restart.backoff_max < restart.backoff_min)
        return "restart.backoff_max is below restart.backoff_min: choose a longer one";
    return {};
}

std::string wrong_numbers(options const& given)
{
    if (given.workers > workers_limit)
        return fmt::format("workers is {}: choose at most {}, or 0 for one per CPU", given.workers,
                           workers_limit);
    if (given.workers_max > workers_limit)
        return fmt::format("workers_max is {}: choose at most {}, or 0 for twice the workers",
                           given.workers_max, workers_limit);
    if (given.workers_max != 0 && given.workers_max < given.worker_count())
        return fmt::format("workers_max is {} and there are {} workers: choose at least as many",
                           given.workers_max, given.worker_count());
    if (given.reload_at_once == 0)
        return "reload_at_once is 0: choose how many workers a reload starts at a time, 1 or more";
    if (given.generations_max < 2)
        return "generations_max is below 2: a reload needs an old and a new generation";
    return {};
}

std::string wrong_log(options const& given)
{
    log::level level{};
    log::format format{};
    if (!log::parse(given.log_level, level))
        return fmt::format("log level '{}' is unknown: choose debug, info, warning, error or off",
                           given.log_level);
    if (!log::parse(given.log_format, format))
        return fmt::format("log format '{}' is unknown: choose text or json", given.log_format);
    return {};
}

std::string wrong_flags(std::vector<flag> const& flags)
{
    for (auto const& one : flags) {
        if (one.name.size() < 3 || !one.name.starts_with("--"))
            return fmt::format("flag '{}' does not begin with --: name it like --greeting",
                               one.name);
        if (!one.store)
            return fmt::format("flag {} has nowhere to go: set its store function", one.name);
    }
    return {};
}

} // namespace

std::string_view name(dispatch_policy policy)
{
    for (auto const& [value, word] : policies)
        if (value == policy)
            return word;
    return "unknown";
}

bool parse(std::string_view word, dispatch_policy& into)
{
    for (auto const& [value, known] : policies)
        if (known == word) {
            into = value;
            return true;
        }
    return false;
}

std::string options::validate() const
{
    if (auto wrong = wrong_name(name); !wrong.empty())
        return wrong;
    if (auto wrong = wrong_listen(listen); !wrong.empty())
        return wrong;
    if (auto wrong = wrong_numbers(*this); !wrong.empty())
        return wrong;
    if (covey::name(dispatch) == "unknown")
        return "dispatch is no policy: choose shared, round_robin, least_loaded, reuseport or hash";
    if (dispatch == dispatch_policy::custom && !balance)
        return "dispatch is custom, which only a program's code can be: set options::balance, or "
               "choose shared, round_robin, least_loaded, reuseport or hash";
    if (auto wrong = wrong_durations(*this); !wrong.empty())
        return wrong;
    if (control.size() > supervision::unix_path_bytes_max)
        return fmt::format("control is a path of {} bytes: choose one of at most {}, or off",
                           control.size(), supervision::unix_path_bytes_max);
    if (auto wrong = wrong_log(*this); !wrong.empty())
        return wrong;
    return wrong_flags(flags);
}

std::string_view name(giveup_action action)
{
    for (auto const& [value, word] : giveup_actions)
        if (value == action)
            return word;
    return "unknown";
}

bool parse(std::string_view word, giveup_action& into)
{
    for (auto const& [value, known] : giveup_actions)
        if (known == word) {
            into = value;
            return true;
        }
    return false;
}

std::uint32_t options::worker_limit() const
{
    auto const count = worker_count();
    return workers_max != 0 ? workers_max : std::min(2 * count, workers_limit);
}

std::uint32_t options::worker_count() const
{
    return workers != 0 ? workers : std::min(supervision::allowed_cpus(), workers_limit);
}

} // namespace covey
