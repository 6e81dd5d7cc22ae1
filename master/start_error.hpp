// start_error: what keeps a cluster from starting, as one line for people.
//
// boost::system::system_error appends "[system:98]" to its text, and puts the kernel's words last;
// here what() is the line as it was written: what was tried, what the kernel said, what to do.
#pragma once

#include <boost/system/system_error.hpp>
#include <string>
#include <utility>

namespace covey::supervision {

class start_error : public boost::system::system_error
{
  public:
    start_error(boost::system::error_code code, std::string line)
        : system_error{code}
        , line_{std::move(line)}
    {}

    char const* what() const noexcept override { return line_.c_str(); }

  private:
    std::string line_;
};

} // namespace covey::supervision
