// failure: what a handler throws when the request is at fault, or the moment: an answer with a
// status. Whatever else it throws is a 500 and a line in the log.
//
//   if (!known(player))
//       throw http::failure{404, "there is no player " + player};
#pragma once

#include "message.hpp"

#include <exception>
#include <stdexcept>
#include <string>

namespace covey::http {

class failure : public std::runtime_error
{
  public:
    // `status` is 400 to 599; `what` is for the client, in one line.
    failure(unsigned status, std::string const& what)
        : std::runtime_error{what}
        , status_{status}
    {}
    unsigned status() const { return status_; }

  private:
    unsigned status_;
};

// The answer to what a handler threw, which is logged when it was no failure.
response answer_to(std::exception_ptr const& thrown, request const& asked);

} // namespace covey::http
