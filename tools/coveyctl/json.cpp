#include "json.hpp"

#include <boost/json/src.hpp> // the library itself: header-only, so nothing more to link
#include <iostream>

namespace coveyctl::json {

void print(value const& what)
{
    std::cout << boost::json::serialize(what) << '\n';
}

} // namespace coveyctl::json
