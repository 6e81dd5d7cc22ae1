#include "schema_difference.hpp"

#include <algorithm>
#include <stdexcept>

namespace covey {

namespace {

template <class Things>
auto find_named(Things const& things, std::string const& name)
{
    return std::find_if(things.begin(), things.end(),
                        [&](auto const& one) { return one.name == name; });
}

std::string changed(std::string const& what, std::string const& was, std::string const& is)
{
    return what + " was " + was + " and is " + is;
}

void compare_members(row_type const& was, row_type const& is, std::vector<std::string>& out)
{
    auto const at = [](row_type::member const& one) {
        return one.type.name() + " at byte " + std::to_string(one.offset);
    };
    for (auto const& member : was.members) {
        auto const now = find_named(is.members, member.name);
        if (now == is.members.end())
            out.push_back("member " + member.name + " is gone");
        else if (at(member) != at(*now))
            out.push_back(changed("member " + member.name, at(member), at(*now)));
    }
    for (auto const& member : is.members)
        if (find_named(was.members, member.name) == was.members.end())
            out.push_back("member " + member.name + " is new");
}

std::string kept(field_description const& field)
{
    std::string out = "capacity " + std::to_string(field.capacity);
    if (field.bound != 0)
        out += ", room " + std::to_string(field.room);
    if (!field.scale.empty())
        out = field.scale;
    if (field.keep.expires)
        out += ", expires";
    if (field.keep.full == when_full::evict)
        out += ", evicts";
    if (field.keep.full == when_full::expire_only)
        out += ", expires to make room";
    return out;
}

std::vector<std::string> compare_fields(field_description const& was, field_description const& is)
{
    std::vector<std::string> out;
    if (was.kind != is.kind)
        return {
            changed("it", "a " + std::string{name(was.kind)}, "a " + std::string{name(is.kind)})};
    if (was.key_type != is.key_type)
        out.push_back(changed("the key", was.key_type, is.key_type));
    if (was.row_type != is.row_type) {
        // Types of this program and of a segment that was read: both have been parsed before.
        auto const members = has_rows(was.kind) ? differences(row_type::parse(was.row_type),
                                                              row_type::parse(is.row_type))
                                                : std::vector<std::string>{};
        out.insert(out.end(), members.begin(), members.end());
        if (members.empty())
            out.push_back(changed("the row", was.row_type, is.row_type));
    }
    if (kept(was) != kept(is))
        out.push_back(changed("it", "of " + kept(was), "of " + kept(is)));
    return out;
}

} // namespace

std::vector<std::string> differences(row_type const& was, row_type const& is)
{
    std::vector<std::string> out;
    if (was.name() == is.name())
        return out;
    using form = row_type::form;
    if (was.kind == form::structure && is.kind == form::structure)
        compare_members(was, is, out);
    if (out.empty())
        out.push_back(changed("the row", was.name(), is.name()));
    return out;
}

std::vector<std::string> differences(schema const& was, schema const& is)
{
    std::vector<std::string> out;
    for (auto const& field : was.fields) {
        auto const now = find_named(is.fields, field.name);
        if (now == is.fields.end())
            out.push_back("field " + field.name + " is gone");
        else
            for (auto const& what : compare_fields(field, *now))
                out.push_back("field " + field.name + ": " + what);
    }
    for (auto const& field : is.fields)
        if (find_named(was.fields, field.name) == was.fields.end())
            out.push_back("field " + field.name + " is new");
    if (out.empty() && was.text() != is.text())
        out.push_back("the same fields are in another order");
    return out;
}

} // namespace covey
