#include "spare_fields.hpp"

#include <utility>

namespace covey::http::spare_fields {

namespace {

constexpr std::size_t fields_max = 128;
constexpr std::size_t lists_max = 8;
constexpr std::size_t list_fields_max = 32;
constexpr std::size_t value_bytes_max = 1 << 10;

struct store
{
    std::vector<request::field> fields;
    std::vector<std::vector<request::field>> lists; // empty, with room
};

store& here()
{
    thread_local store made;
    return made;
}

} // namespace

void add(std::vector<request::field>& to, std::string_view name, std::string_view value)
{
    auto& [fields, lists] = here();
    if (to.capacity() == 0 && !lists.empty()) {
        to = std::move(lists.back());
        lists.pop_back();
    }
    if (fields.empty()) {
        to.emplace_back(name, value);
        return;
    }
    auto& made = to.emplace_back(std::move(fields.back()));
    fields.pop_back();
    made.first.append(name);
    made.second.append(value);
}

void take_back(std::vector<request::field>& from)
{
    auto& fields = here().fields;
    for (auto& each : from)
        if (fields.size() < fields_max && each.second.capacity() <= value_bytes_max) {
            each.first.clear(); // to append to a string costs a third of assigning to it
            each.second.clear();
            fields.push_back(std::move(each));
        }
    from.clear();
}

void take_back_all(std::vector<request::field>& from)
{
    take_back(from);
    auto& lists = here().lists;
    if (lists.size() < lists_max && from.capacity() > 0 && from.capacity() <= list_fields_max)
        lists.push_back(std::move(from));
}

} // namespace covey::http::spare_fields
