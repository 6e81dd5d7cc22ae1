#include "support/catch.hpp"

#include <boost/system/system_error.hpp>
#include <covey/master/user_names.hpp>
#include <pwd.h>
#include <string>
#include <unistd.h>

namespace user_names_test {

using covey::supervision::find_user;

TEST_CASE("a user is found by name or number and comes with its groups", "[master][user]")
{
    CHECK_FALSE(find_user("", ""));
    auto const* const nobody = ::getpwnam("nobody");
    REQUIRE(nobody != nullptr);
    auto const uid = nobody->pw_uid;
    auto const gid = nobody->pw_gid;
    for (auto const& name : {std::string{"nobody"}, std::to_string(uid)}) {
        auto const found = find_user(name, "");
        REQUIRE(found);
        CHECK(found->uid == uid);
        CHECK(found->gid == gid);
        CHECK_FALSE(found->groups.empty()); // its own at least
    }
}

TEST_CASE("a group that is named is the only one", "[master][user]")
{
    auto const found = find_user("nobody", "0");
    REQUIRE(found);
    CHECK(found->gid == 0);
    CHECK(found->groups.empty());
    CHECK(find_user("", "0")->uid == ::getuid());
    CHECK(find_user("4000000000", "12")->uid == 4'000'000'000);
}

TEST_CASE("a user or group that this machine has not is an error that says so", "[master][user]")
{
    CHECK_THROWS_WITH(find_user("nobody-at-all", ""),
                      "user 'nobody-at-all' is unknown: name one that this machine has, or a "
                      "number");
    CHECK_THROWS_WITH(find_user("nobody", "no-group"),
                      "group 'no-group' is unknown: name one that this machine has, or a number");
    CHECK_THROWS_WITH(find_user("4000000000", ""),
                      "user 4000000000 has no entry and so no group: name a group too");
}

} // namespace user_names_test
