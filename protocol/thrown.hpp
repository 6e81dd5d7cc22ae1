// thrown: what an exception says, as words for a log line, a reply or a suicide's reason.
#pragma once

#include <exception>
#include <string>

namespace covey::protocol {

// `thrown` is not null.
std::string words_of(std::exception_ptr const& thrown);

} // namespace covey::protocol
