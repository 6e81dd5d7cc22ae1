// The changes of a field as they come.
//
// A tool that may only read can be rung by nobody, so it looks at the rings every few ten
// milliseconds. It costs the writers nothing.
#include "entry_text.hpp"
#include "failure.hpp"
#include "process.hpp"
#include "verbs.hpp"

#include <array>
#include <covey/shm/field_watch.hpp>
#include <covey/shm/inspect.hpp>
#include <csignal>
#include <fmt/format.h>
#include <iostream>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/signalfd.h>

namespace coveyctl {

namespace {

std::string_view name(covey::change_kind kind)
{
    switch (kind) {
    case covey::change_kind::put:
        return "put";
    case covey::change_kind::erase:
        return "erase";
    case covey::change_kind::resync:
        return "resync";
    case covey::change_kind::expire:
        return "expire";
    case covey::change_kind::evict:
        return "evict";
    case covey::change_kind::leave: // of watches with a predicate, which this is not
        break;
    }
    return "leave";
}

// The user's wish to end, as a descriptor.
covey::handle interruptions()
{
    sigset_t numbers;
    ::sigemptyset(&numbers);
    ::sigaddset(&numbers, SIGINT);
    ::sigaddset(&numbers, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &numbers, nullptr);
    covey::handle out{::signalfd(-1, &numbers, SFD_CLOEXEC)};
    if (!out.is_open())
        throw failure{exit_code::failed, "no descriptor to hear signals by"};
    return out;
}

std::optional<covey::row_value> key_of(covey::inspect const& state, std::uint32_t field,
                                       std::string const& key)
{
    if (key.empty())
        return std::nullopt;
    auto const* const type = state.key_type(field);
    if (type == nullptr)
        throw failure{exit_code::failed, fmt::format("{} has no keys; watch all of it",
                                                     state.described().fields[field].name)};
    try {
        return type->from_text(key);
    } catch (std::invalid_argument const& wrong) {
        throw failure{exit_code::failed, fmt::format("'{}': {}", key, wrong.what())};
    }
}

std::string line_of(covey::observed_change const& it, bool json)
{
    auto const text = entry_json(it.entry);
    if (json)
        return fmt::format("{{\"change\":\"{}\",{}", name(it.kind), text.substr(1));
    if (it.kind == covey::change_kind::resync)
        return "resync  changes were missed: more came between two looks than the rings hold";
    std::string out = fmt::format("{:<6}", name(it.kind));
    if (!it.entry.key.is_null())
        out += "  " + covey::row_type::to_text(it.entry.key);
    if (it.kind == covey::change_kind::put)
        out += "  " + to_json(it.entry.row);
    return it.entry.revision == 0 ? out : out + fmt::format("  revision {}", it.entry.revision);
}

} // namespace

int watch(covey::inspect const& state, std::int64_t master_pid, watch_wish const& wish, bool json)
{
    auto const field = field_of(state, wish.field);
    auto const key = key_of(state, field, wish.key);
    auto const interrupted = interruptions();
    auto const master = process::open(master_pid);
    covey::field_watch changes{state, field};
    auto const tell = [&](covey::observed_change const& it) {
        if (!key || it.kind == covey::change_kind::resync || it.entry.key == *key)
            std::cout << line_of(it, json) << '\n';
    };
    std::array<::pollfd, 2> ends{
        {{interrupted.get(), POLLIN, 0}, {master.descriptor(), POLLIN, 0}}};
    while (true) {
        bool const over =
            ::poll(ends.data(), ends.size(), static_cast<int>(wish.interval.count())) > 0;
        if (changes.look(tell) != 0)
            std::cout.flush();
        if (!std::cout) // whoever read it has gone
            return exit_code::done;
        if (over && ends[0].revents != 0)
            return exit_code::done;
        if (over && ends[1].revents != 0)
            throw failure{exit_code::unreachable,
                          fmt::format("process {}, the master, has ended", master_pid)};
    }
}

} // namespace coveyctl
