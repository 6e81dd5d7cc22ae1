// Who holds, lags, died, and whether the state is whole.
#include "failure.hpp"
#include "json.hpp"
#include "process.hpp"
#include "table.hpp"
#include "verbs.hpp"

#include <covey/shm/fsck.hpp>
#include <covey/shm/inspect.hpp>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <iostream>
#include <vector>

namespace coveyctl {

using covey::inspect;
using side = table::side;

namespace {

std::string place_text(inspect const& state, covey::region const& where)
{
    auto const& fields = state.described().fields;
    if (where.field >= fields.size())
        return fmt::format("field {}?", where.field);
    auto const& field = fields[where.field];
    return field.kind == covey::field_kind::map
               ? fmt::format("{} shard {}", field.name, where.shard)
               : field.name;
}

std::string block_text(std::optional<std::uint32_t> const& block)
{
    return block ? fmt::to_string(*block) : "-";
}

json::value block_value(std::optional<std::uint32_t> const& block)
{
    return block ? json::value(*block) : json::value();
}

std::string notes_of(covey::held_lock const& lock)
{
    std::string out = lock.epoch == 0 ? "" : fmt::format("epoch {}", lock.epoch);
    for (auto const& [is, what] :
         {std::pair{lock.owner_died, "owner died"}, std::pair{lock.awaited, "awaited"}})
        if (is)
            out += fmt::format("{}{}", out.empty() ? "" : ", ", what);
    return out;
}

void print_nothing(table const& out, std::string_view said)
{
    if (out.empty())
        std::cout << said << '\n';
    else
        out.print(std::cout);
}

} // namespace

int tell_locks(inspect const& state, bool json)
{
    json::array values;
    table out{{{"LOCK"}, {"PID", side::right}, {"PROCESS"}, {"BLOCK", side::right}, {"NOTES"}}};
    for (auto const& one : state.locks()) {
        covey::region const where{one.field, one.shard};
        auto const at_work = state_of(one.pid);
        values.push_back(json::object{{"lock", place_text(state, where)},
                                      {"field", one.field},
                                      {"shard", one.shard},
                                      {"pid", one.pid},
                                      {"process", at_work},
                                      {"block", block_value(one.block)},
                                      {"epoch", one.epoch},
                                      {"owner_died", one.owner_died},
                                      {"awaited", one.awaited}});
        out.add({place_text(state, where), fmt::to_string(one.pid), at_work, block_text(one.block),
                 notes_of(one)});
    }
    if (json)
        json::print(values);
    else
        print_nothing(out, "nobody holds a lock");
    return exit_code::done;
}

namespace {

json::object as_json(covey::block_notices const& one)
{
    return {{"block", one.block},
            {"told", one.told},
            {"folded", one.folded},
            {"resyncs", one.resyncs},
            {"wakes", one.wakes},
            {"rings", one.rings},
            {"collisions", one.collisions},
            {"relayed", one.relayed},
            {"relay_stands", one.relay_stands}};
}

void print(std::vector<covey::block_notices> const& all, covey::relay_facts const& relay)
{
    table out{{{"BLOCK", side::right},
               {"TOLD", side::right},
               {"FOLDED", side::right},
               {"RESYNCS", side::right},
               {"WAKES", side::right},
               {"RINGS", side::right},
               {"RELAYED", side::right},
               {"RELAY STANDS", side::right}}};
    for (auto const& one : all)
        out.add({fmt::to_string(one.block), fmt::to_string(one.told), fmt::to_string(one.folded),
                 fmt::to_string(one.resyncs), fmt::to_string(one.wakes), fmt::to_string(one.rings),
                 fmt::to_string(one.relayed), fmt::to_string(one.relay_stands)});
    if (!out.empty()) {
        std::cout << '\n';
        out.print(std::cout);
    }
    if (relay.open)
        std::cout << fmt::format("\nthe relay has come round {} times and rung {} sleepers\n",
                                 relay.rounds, relay.rings);
}

} // namespace

int tell_lags(inspect const& state, bool json)
{
    json::array subscribers;
    table out{{{"BLOCK", side::right},
               {"PID", side::right},
               {"PROCESS"},
               {"CHANGES", side::right},
               {"MOST", side::right},
               {"NOTES"}}};
    constexpr std::uint64_t ring = 4096; // block_lag
    for (auto const& one : state.lags()) {
        auto const at_work = state_of(one.pid);
        subscribers.push_back(json::object{{"block", one.block},
                                           {"pid", one.pid},
                                           {"process", at_work},
                                           {"changes", one.changes},
                                           {"most", one.most},
                                           {"missed", one.most > ring}});
        out.add({fmt::to_string(one.block), fmt::to_string(one.pid), at_work,
                 fmt::to_string(one.changes), fmt::to_string(one.most),
                 one.most > ring ? "has missed some: it will resync" : ""});
    }
    auto const notices = state.notices();
    auto const relay = state.relay();
    if (!json) {
        print_nothing(out, "nobody subscribes");
        print(notices, relay);
        return exit_code::done;
    }
    json::array blocks;
    for (auto const& one : notices)
        blocks.push_back(as_json(one));
    json::print(json::object{
        {"subscribers", subscribers},
        {"blocks", blocks},
        {"relay",
         json::object{{"open", relay.open}, {"rounds", relay.rounds}, {"rings", relay.rings}}}});
    return exit_code::done;
}

int tell_repairs(inspect const& state, bool json)
{
    json::array values;
    table out{{{"NUMBER", side::right},
               {"WHEN"},
               {"DIED", side::right},
               {"WHERE"},
               {"OUTCOME"},
               {"TOOK", side::right}}};
    for (auto const& one : state.repairs()) {
        auto const* const outcome = !one.was_writing ? "unlocked"
                                    : one.committed  ? "finished"
                                                     : "taken back";
        auto const when =
            fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(one.when)));
        values.push_back(json::object{{"number", one.number},
                                      {"when", when},
                                      {"pid", one.dead_pid},
                                      {"block", one.block},
                                      {"where", place_text(state, one.where)},
                                      {"outcome", outcome},
                                      {"revision", one.revision},
                                      {"took_ns", one.took.count()}});
        out.add({fmt::to_string(one.number), when,
                 one.dead_pid == 0 ? "-" : fmt::to_string(one.dead_pid),
                 place_text(state, one.where), outcome, time_text(one.took)});
    }
    if (json)
        json::print(values);
    else
        print_nothing(out, "nothing had to be repaired");
    return exit_code::done;
}

int check(inspect const& state, bool json)
{
    auto const found = covey::fsck(state);
    if (json) {
        json::array values;
        for (auto const& one : found)
            values.push_back(json::object{
                {"what", one.what},
                {"where", one.where ? json::value(place_text(state, *one.where)) : json::value()},
                {"cell", one.cell ? json::value(*one.cell) : json::value()}});
        json::print(values);
    } else {
        for (auto const& one : found)
            std::cout << one.what << '\n';
        std::cout << (found.empty() ? "no findings\n" : fmt::format("{} findings\n", found.size()));
    }
    return found.empty() ? exit_code::done : exit_code::failed;
}

} // namespace coveyctl
