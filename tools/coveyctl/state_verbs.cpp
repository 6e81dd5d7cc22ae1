// What is in the state.
#include "entry_text.hpp"
#include "failure.hpp"
#include "json.hpp"
#include "table.hpp"
#include "verbs.hpp"

#include <boost/system/system_error.hpp>
#include <covey/shm/error.hpp>
#include <covey/shm/inspect.hpp>
#include <fmt/format.h>
#include <iostream>
#include <stdexcept>

namespace coveyctl {

using covey::field_facts;
using covey::inspect;

namespace {

std::string type_text(field_facts const& field)
{
    return field.key_type.empty() ? field.row_type
                                  : fmt::format("{} -> {}", field.key_type, field.row_type);
}

std::string_view name(covey::when_full policy)
{
    switch (policy) {
    case covey::when_full::reject:
        return "reject";
    case covey::when_full::expire_only:
        return "expire_only";
    case covey::when_full::evict:
        break;
    }
    return "evict";
}

json::array members(covey::row_type const& type)
{
    json::array out;
    for (auto const& one : type.members)
        out.push_back(json::object{{"name", one.name},
                                   {"type", one.type.name()},
                                   {"offset", one.offset},
                                   {"size", one.type.size}});
    return out;
}

json::object as_json(inspect const& state, std::uint32_t index, field_facts const& field)
{
    json::object out{{"name", field.name},         {"kind", json::text(covey::name(field.kind))},
                     {"key_type", field.key_type}, {"row_type", field.row_type},
                     {"capacity", field.capacity}, {"rows", field.rows},
                     {"bytes", field.bytes}};
    if (field.kind == covey::field_kind::map) {
        out.emplace("expires", field.keep.expires);
        out.emplace("when_full", json::text(name(field.keep.full)));
    }
    if (auto const* const type = state.rows_type(index);
        type != nullptr && type->kind == covey::row_type::form::structure)
        out.emplace("members", members(*type));
    return out;
}

void print(inspect const& state, std::uint32_t index, field_facts const& field)
{
    facts lines;
    lines.add("field", fmt::format("{}, a {}", field.name, covey::name(field.kind)));
    if (!field.key_type.empty())
        lines.add("key", field.key_type);
    lines.add("row", field.row_type);
    if (field.capacity != 0)
        lines.add("room", fmt::format("{} of {} taken", field.rows, field.capacity));
    lines.add("memory", bytes_text(field.bytes));
    if (field.kind == covey::field_kind::map)
        lines.add("keeps", fmt::format("{}; when full: {}",
                                       field.keep.expires ? "rows for their time" : "every row",
                                       name(field.keep.full)));
    lines.print(std::cout);
    auto const* const type = state.rows_type(index);
    if (type == nullptr || type->kind != covey::row_type::form::structure)
        return;
    using side = table::side;
    table out{{{"MEMBER"}, {"OFFSET", side::right}, {"BYTES", side::right}, {"TYPE"}}};
    for (auto const& one : type->members)
        out.add(
            {one.name, fmt::to_string(one.offset), fmt::to_string(one.type.size), one.type.name()});
    out.print(std::cout);
}

} // namespace

inspect open_state(cluster_link& cluster)
{
    auto const lent = cluster.segment();
    try {
        return inspect::open(lent);
    } catch (boost::system::system_error const& failed) {
        bool const other = failed.code() == covey::shm::error::wrong_layout;
        throw failure{
            exit_code::unreachable,
            fmt::format("the state of {} cannot be read: {}{}", cluster.who().name, failed.what(),
                        other
                            ? fmt::format("; use the coveyctl of covey {}", cluster.who().software)
                            : "")};
    }
}

std::uint32_t field_of(inspect const& state, std::string const& name)
{
    if (auto const found = state.find(name))
        return *found;
    std::vector<std::string> names;
    for (auto const& one : state.described().fields)
        names.push_back(one.name);
    throw failure{exit_code::failed,
                  fmt::format("no field '{}'; {}", name, suggestion(name, names))};
}

int list_fields(inspect const& state, bool json)
{
    auto const all = state.fields();
    if (json) {
        json::array out;
        for (std::uint32_t i = 0; i != all.size(); ++i)
            out.push_back(as_json(state, i, all[i]));
        json::print(out);
        return exit_code::done;
    }
    using side = table::side;
    table out{{{"FIELD"},
               {"KIND"},
               {"ROWS", side::right},
               {"CAPACITY", side::right},
               {"MEMORY", side::right},
               {"TYPE"}}};
    for (auto const& one : all)
        out.add({one.name, std::string{covey::name(one.kind)}, fmt::to_string(one.rows),
                 one.capacity == 0 ? "-" : fmt::to_string(one.capacity), bytes_text(one.bytes),
                 type_text(one)});
    out.print(std::cout);
    return exit_code::done;
}

int describe(inspect const& state, std::string const& field, bool json)
{
    auto const all = state.fields();
    if (!field.empty()) {
        auto const index = field_of(state, field);
        if (json)
            json::print(as_json(state, index, all[index]));
        else
            print(state, index, all[index]);
        return exit_code::done;
    }
    json::array out;
    for (std::uint32_t i = 0; i != all.size(); ++i) {
        if (json)
            out.push_back(as_json(state, i, all[i]));
        else
            std::cout << (i == 0 ? "" : "\n");
        if (!json)
            print(state, i, all[i]);
    }
    if (json)
        json::print(out);
    return exit_code::done;
}

int get(inspect const& state, std::string const& field, std::string const& key, bool json)
{
    auto const index = field_of(state, field);
    covey::found_entry found;
    try {
        found = state.get(index, key);
    } catch (std::invalid_argument const& wrong) {
        throw failure{exit_code::failed, fmt::format("{} '{}': {}", field, key, wrong.what())};
    }
    if (found.result == covey::reading::missing)
        throw failure{exit_code::failed, fmt::format("{} has no '{}'", field, key)};
    if (found.result == covey::reading::busy)
        throw failure{exit_code::failed,
                      fmt::format("{} is being written time after time; try again", field)};
    auto const& entry = found.entry;
    if (json) {
        std::cout << entry_json(entry) << '\n';
        return exit_code::done;
    }
    facts lines;
    lines.add("row", to_json(entry.row));
    if (entry.revision != 0)
        lines.add("revision", fmt::to_string(entry.revision));
    if (entry.lives)
        lines.add("lives", time_text(*entry.lives));
    if (entry.item)
        lines.add("item", item_text(*entry.item));
    lines.print(std::cout);
    return exit_code::done;
}

int dump(inspect const& state, std::string const& field)
{
    auto const left_out = state.for_each(
        field_of(state, field), [](auto const& entry) { std::cout << entry_json(entry) << '\n'; });
    std::cout.flush();
    if (left_out == 0)
        return exit_code::done;
    std::cerr << fmt::format("coveyctl: {} places were left out: writers were faster\n", left_out);
    return exit_code::failed;
}

} // namespace coveyctl
