#include "failure.hpp"

#include <covey/protocol/log.hpp>
#include <covey/protocol/thrown.hpp>

namespace covey::http {

response answer_to(std::exception_ptr const& thrown, request const& asked)
{
    try {
        std::rethrow_exception(thrown);
    } catch (failure const& told) {
        return text(std::string{told.what()} + "\n", told.status());
    } catch (...) {
        log::error("request " + asked.id() + ": " + asked.method_name + " " + asked.target_text +
                   ": " + protocol::words_of(thrown));
        return status(500);
    }
}

} // namespace covey::http
