#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace covey::detail {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

std::optional<std::int64_t> whole_number(std::string_view text)
{
    std::int64_t value = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

// "30s", "500ms", "2m", "50us". A year is more than options::validate() lets pass, so a number
// that is larger still may be cut to it without a difference.
template <class Duration>
Duration duration(std::string_view text)
{
    constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> units{
        {{"us", 1}, {"ms", 1'000}, {"s", 1'000'000}, {"m", 60'000'000}}};
    constexpr std::int64_t us_max = 2 * 366LL * 24 * 3600 * 1'000'000;
    auto const digits = std::min(text.find_first_not_of("0123456789"), text.size());
    auto const number = whole_number(text.substr(0, digits));
    for (auto const& [unit, us] : units) {
        if (unit != text.substr(digits) || !number)
            continue;
        auto const whole = microseconds{*number > us_max / us ? us_max : *number * us};
        if (auto const in = std::chrono::duration_cast<Duration>(whole); in == whole)
            return in;
    }
    throw std::invalid_argument{std::is_same_v<Duration, microseconds>
                                    ? "give a time such as 50us or 1ms"
                                    : "give a time such as 30s, 500ms or 2m"};
}

std::uint32_t workers(std::string const& text)
{
    if (text == "auto")
        return 0;
    auto const number = whole_number(text);
    if (!number || *number < 1 || *number > 256)
        throw std::invalid_argument{"give a number from 1 to 256, or auto"};
    return static_cast<std::uint32_t>(*number);
}

std::optional<std::uint32_t> connections(std::string const& text)
{
    if (text == "unlimited")
        return std::nullopt;
    auto const number = whole_number(text);
    if (!number || *number < 0 || *number > 1'000'000)
        throw std::invalid_argument{"give a number from 0 to 1000000, or unlimited"};
    return static_cast<std::uint32_t>(*number);
}

dispatch_policy dispatch(std::string const& text)
{
    dispatch_policy out{};
    if (!parse(text, out) || out == dispatch_policy::custom) // that is code
        throw std::invalid_argument{"choose shared, round_robin, least_loaded, reuseport or hash"};
    return out;
}

giveup_action on_giveup(std::string const& text)
{
    giveup_action out{};
    if (!parse(text, out))
        throw std::invalid_argument{"choose keep, stop or exit"};
    return out;
}

std::uint64_t count(std::string const& text)
{
    auto const number = whole_number(text);
    if (!number || *number < 0)
        throw std::invalid_argument{"give a number from 0"};
    return static_cast<std::uint64_t>(*number);
}

// "300MiB", "1GiB", "65536".
std::uint64_t bytes(std::string const& text)
{
    constexpr std::array<std::pair<std::string_view, int>, 4> units{
        {{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}}};
    auto const digits = std::min(text.find_first_not_of("0123456789"), text.size());
    auto const number = whole_number(std::string_view{text}.substr(0, digits));
    for (auto const& [unit, shift] : units)
        if (unit == std::string_view{text}.substr(digits) && number && *number < (1LL << 32))
            return static_cast<std::uint64_t>(*number) << shift;
    throw std::invalid_argument{"give a size such as 300MiB or 1GiB"};
}

// "10/60s": more than 10 failures in 60 seconds.
void restart_limit(std::string const& text, restart_options& into)
{
    auto const slash = std::min(text.find('/'), text.size());
    auto const number = whole_number(std::string_view{text}.substr(0, slash));
    if (!number || *number < 0 || *number > 1'000'000 || slash == text.size())
        throw std::invalid_argument{"give a number and a time such as 10/60s; 0/1s never gives up"};
    into.intensity = static_cast<std::uint32_t>(*number);
    into.period = duration<milliseconds>(std::string_view{text}.substr(slash + 1));
}

flag time_flag(std::string name, std::string help, milliseconds& into)
{
    return {std::move(name), std::move(help),
            [&into](std::string const& word) { into = duration<milliseconds>(word); }};
}

flag text_flag(std::string name, std::string help, std::string& into)
{
    return {std::move(name), std::move(help), [&into](std::string const& word) { into = word; }};
}

// What every program of covey has. They store into `into`, which must outlive them.
std::vector<flag> standard_flags(options& into)
{
    return {
        {"--listen",
         "Serve on HOST:PORT, [V6]:PORT, unix:PATH or systemd:NAME; port 0 picks one. May be "
         "repeated",
         [&into, first = true](std::string const& word) mutable {
             if (std::exchange(first, false))
                 into.listen.clear(); // flags replace what the code said, together
             into.listen.push_back(word);
         }},
        {"--workers", "How many worker processes, 1 to 256, or auto: one for each CPU",
         [&into](std::string const& word) { into.workers = workers(word); }},
        {"--workers-max", "As far as they can be scaled, 1 to 256, or auto: twice as many",
         [&into](std::string const& word) { into.workers_max = workers(word); }},
        {"--dispatch",
         "How connections reach workers: shared, round_robin, least_loaded, reuseport or hash",
         [&into](std::string const& word) { into.dispatch = dispatch(word); }},
        {"--connections-max", "How many connections a worker has open at most: 1000, or unlimited",
         [&into](std::string const& word) { into.connections_max = connections(word); }},
        time_flag("--rejection-wait",
                  "For how long a connection that no worker takes is offered again: 1s",
                  into.rejection_wait),
        time_flag("--drain-deadline",
                  "How long a stopping worker may finish what is in flight: 30s, 500ms",
                  into.drain_deadline),
        time_flag("--close-spread",
                  "Over what time idle connections of a worker that is replaced end: 1s",
                  into.close_spread),
        time_flag("--ready-timeout", "Until when a starting worker must be ready: 30s",
                  into.ready_timeout),
        time_flag("--hang-timeout",
                  "A worker that does not turn its loop for so long is aborted: 60s; 0s never",
                  into.hang_timeout),
        {"--restart-limit", "Give up after more failures in a time than this: 10/60s; 0/1s never",
         [&into](std::string const& word) { restart_limit(word, into.restart); }},
        {"--on-giveup", "Then keep what still runs, stop, or exit at once: keep, stop, exit",
         [&into](std::string const& word) { into.restart.on_giveup = on_giveup(word); }},
        {"--recycle-requests", "Replace a worker after about so many requests; 0 never",
         [&into](std::string const& word) { into.recycle.requests = count(word); }},
        {"--recycle-memory", "Replace a worker that uses more memory than this: 300MiB; 0 never",
         [&into](std::string const& word) { into.recycle.memory_bytes = bytes(word); }},
        time_flag("--recycle-age", "Replace a worker after about this time: 60m; 0s never",
                  into.recycle.age),
        text_flag("--user", "Whose rights workers have: a name or a number", into.user),
        text_flag("--group", "The group of workers, instead of the user's", into.group),
        {"--pin-cpus", "Keep each seat's worker on one CPU: yes or no",
         [&into](std::string const& word) {
             if (word != "yes" && word != "no")
                 throw std::invalid_argument{"say yes or no"};
             into.pin_cpus = word == "yes";
         }},
        text_flag("--control",
                  "Where coveyctl reaches the master: a socket's path, or off; without it a place "
                  "that coveyctl finds",
                  into.control),
        {"--busy-poll", "How long a worker looks for changes before it sleeps: 0us, 50us",
         [&into](std::string const& word) { into.busy_poll = duration<microseconds>(word); }},
        text_flag("--log-level", "debug, info, warning, error or off", into.log_level),
        text_flag("--log-format", "text or json", into.log_format),
        {"--access-log", "A line for every response: a file, - for standard output, or off",
         [&into](std::string const& word) { into.access_log = word == "off" ? "" : word; }},
    };
}

std::string trimmed(std::string text)
{
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
}

std::string one_line(std::string text)
{
    text = trimmed(std::move(text));
    for (auto& byte : text)
        if (byte == '\n' || byte == '\r')
            byte = ' ';
    return text;
}

std::string version_text(options const& settings)
{
    if (settings.version.empty())
        return fmt::format("{} (covey {})", settings.name, COVEY_VERSION);
    return fmt::format("{} {} (covey {})", settings.name, settings.version, COVEY_VERSION);
}

// CLI11 finds the words; what they mean is the flags' business, so that a standard flag and a
// program's own are refused in the same form.
class parser
{
  public:
    parser(std::string const& name, std::vector<flag> const& flags)
        : app_{"", name}
        , flags_{flags}
        , words_(flags.size())
    {
        app_.set_help_flag("--help", "Say this and leave");
        app_.set_version_flag("--version", std::string{}, "Say the version and leave");
        app_.allow_extras(); // looked at below: CLI11 names them without saying what to do
        for (std::size_t i = 0; i < flags_.size(); ++i)
            app_.add_option(flags_[i].name, words_[i], flags_[i].help)
                ->allow_extra_args(false) // one word each time; of several the last one counts
                ->type_name("VALUE")      // in what CLI11 says
                ->option_text("VALUE");   // in --help
    }

    // Throws CLI::ParseError (of which --help and --version are two) and std::invalid_argument.
    void parse(int argc, char const* const* argv)
    {
        app_.parse(argc, argv);
        if (auto const extras = app_.remaining(); !extras.empty())
            throw std::invalid_argument{
                fmt::format("{} '{}'; --help lists the flags",
                            extras.front().starts_with('-') ? "unknown flag" : "unexpected word",
                            extras.front())};
        for (std::size_t i = 0; i < flags_.size(); ++i)
            for (auto const& word : words_[i])
                store(flags_[i], word);
    }

    std::string help() const { return app_.help(); }

  private:
    static void store(flag const& one, std::string const& word)
    try {
        one.store(word);
    } catch (std::exception const& refused) {
        throw std::invalid_argument{fmt::format("{} {}: {}", one.name, word, refused.what())};
    }

    CLI::App app_;
    std::vector<flag> const& flags_;
    std::vector<std::vector<std::string>> words_; // of each flag
};

} // namespace

command_line parse_command_line(int argc, char const* const* argv, options defaults)
{
    using meaning = command_line::meaning;
    command_line out;
    out.settings = std::move(defaults);
    auto const ends = [&](meaning what, std::string text) {
        out.means = what;
        out.text = std::move(text);
        return std::move(out);
    };
    try {
        if (argc > 0) {
            auto flags = standard_flags(out.settings);
            flags.insert(flags.end(), out.settings.flags.begin(), out.settings.flags.end());
            std::string_view const path{argv[0]};
            parser words{std::string{path.substr(path.rfind('/') + 1)}, flags};
            try {
                words.parse(argc, argv);
            } catch (CLI::CallForHelp const&) {
                return ends(meaning::told, trimmed(words.help()));
            } catch (CLI::CallForVersion const&) {
                return ends(meaning::told, version_text(out.settings));
            } catch (CLI::ParseError const& wrong) {
                throw std::invalid_argument{
                    fmt::format("{}; --help lists the flags", wrong.what())};
            }
        }
        if (auto wrong = out.settings.validate(); !wrong.empty())
            throw std::invalid_argument{wrong};
    } catch (CLI::ConstructionError const& wrong) {
        return ends(meaning::wrong,
                    one_line(fmt::format("options.flags: {}; name each flag once, and none like "
                                         "a standard one",
                                         wrong.what())));
    } catch (std::invalid_argument const& wrong) {
        return ends(meaning::wrong, one_line(wrong.what()));
    }
    return out;
}

} // namespace covey::detail
