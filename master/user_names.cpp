#include "user_names.hpp"

#include "start_error.hpp"

#include <charconv>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace covey::supervision {

namespace {

[[noreturn]] void unknown(char const* what, std::string const& name)
{
    throw start_error{
        boost::system::errc::make_error_code(boost::system::errc::invalid_argument),
        fmt::format("{} '{}' is unknown: name one that this machine has, or a number", what, name)};
}

std::optional<std::uint32_t> as_number(std::string const& text)
{
    std::uint32_t out = 0;
    auto const* const last = text.data() + text.size();
    auto const [end, wrong] = std::from_chars(text.data(), last, out);
    return wrong == std::errc{} && end == last ? std::optional{out} : std::nullopt;
}

std::vector<std::uint32_t> groups_of(passwd const& entry)
{
    int count = 0;
    ::getgrouplist(entry.pw_name, entry.pw_gid, nullptr, &count); // says how many there are
    std::vector<gid_t> found(static_cast<std::size_t>(count));
    if (::getgrouplist(entry.pw_name, entry.pw_gid, found.data(), &count) < 0)
        count = 0; // the database has changed meanwhile: fewer rights rather than wrong ones
    return {found.begin(), found.begin() + count};
}

std::uint32_t group_named(std::string const& name)
{
    if (auto const number = as_number(name))
        return *number;
    auto const* const entry = ::getgrnam(name.c_str());
    if (entry == nullptr)
        unknown("group", name);
    return entry->gr_gid;
}

} // namespace

std::optional<process_user> find_user(std::string const& user, std::string const& group)
{
    if (user.empty() && group.empty())
        return std::nullopt;
    process_user out{::getuid(), ::getgid()};
    if (!user.empty()) {
        auto const number = as_number(user);
        auto const* const entry = number ? ::getpwuid(*number) : ::getpwnam(user.c_str());
        if (entry == nullptr && !number)
            unknown("user", user);
        if (entry == nullptr && group.empty())
            throw start_error{
                boost::system::errc::make_error_code(boost::system::errc::invalid_argument),
                fmt::format("user {} has no entry and so no group: name a group too", user)};
        out.uid = entry != nullptr ? entry->pw_uid : *number;
        if (entry != nullptr) {
            out.gid = entry->pw_gid;
            out.groups = groups_of(*entry);
        }
    }
    if (!group.empty()) {
        out.gid = group_named(group);
        out.groups.clear();
    }
    return out;
}

} // namespace covey::supervision
