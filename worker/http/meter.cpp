#include "meter.hpp"

namespace covey::http {

meter::meter()
    : own_{std::make_unique<shm::word[]>(shm::statistics_words)}
    , words_{own_.get()}
{}

} // namespace covey::http
