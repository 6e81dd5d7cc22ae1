#include "route_group.hpp"

#include "router.hpp"

#include <stdexcept>

namespace covey::http {

route_group::route_group(router& to)
    : route_group{[&to](std::string method, std::string pattern, handler action) {
        to.add(std::move(method), pattern, std::move(action));
    }}
{}

route_group route_group::group(std::string const& prefix) const
{
    if (!prefix.starts_with('/') || prefix.ends_with('/'))
        throw std::invalid_argument{"group \"" + prefix +
                                    "\": a prefix begins with '/' and does not end with it"};
    auto made = *this;
    made.prefix_ += prefix;
    return made;
}

} // namespace covey::http
