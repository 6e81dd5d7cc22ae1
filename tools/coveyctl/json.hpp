// json: Boost.JSON for what coveyctl says to programs.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace coveyctl::json {

using boost::json::array;
using boost::json::object;
using boost::json::value;

inline boost::json::string_view text(std::string_view from)
{
    return {from.data(), from.size()};
}

// On one line of standard output.
void print(value const& what);

} // namespace coveyctl::json
