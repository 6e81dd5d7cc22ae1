#include "thrown.hpp"

namespace covey::protocol {

std::string words_of(std::exception_ptr const& thrown)
{
    try {
        std::rethrow_exception(thrown);
    } catch (std::exception const& what) {
        return what.what();
    } catch (...) {
        return "an exception that is no std::exception";
    }
}

} // namespace covey::protocol
