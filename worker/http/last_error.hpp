// last_error: what the last call of the kernel has failed with.
#pragma once

#include <boost/system/error_code.hpp>
#include <cerrno>

namespace covey::http {

inline boost::system::error_code last_error()
{
    return {errno, boost::system::system_category()};
}

} // namespace covey::http
