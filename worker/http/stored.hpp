// stored: what a write to the state came to, as an answer.
//
//   return http::stored(state.scores.put(player, score));
//
//   stored, unchanged    204        full                507, there is no room for it
//   exists               409        too_long            400
//   missing              404        busy, quarantined   503, Retry-After: 1
//   conflict             412
#pragma once

#include "message.hpp"

#include <covey/shm/written.hpp>

namespace covey::http {

response stored(put_result result);    // a `written` is one
response removed(erase_result result); // 204; 404; 503

} // namespace covey::http
