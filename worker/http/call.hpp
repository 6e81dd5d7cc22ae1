// call: a handler's answer without a socket, for a program's unit tests.
//
//   http::request asked;
//   asked.target_text = "/scores?player=anna";
//   auto const answer = http::call(score_handler, asked);
//
// Blocks until the answer is whole: handlers that wait run on a loop of their own (their executor;
// one that waits for another loop waits for ever), a body that is read in pieces comes as
// `body_text`, and a streamed response's body is what was written. What a handler throws is what a
// client is told.
#pragma once

#include "handler.hpp"
#include "router.hpp"

namespace covey::http {

response call(handler const& action, request asked);

// The same for whatever route the request's method and path have: 404, 405 and the like too.
response call(router const& routes, request asked);

} // namespace covey::http
