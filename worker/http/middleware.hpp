// middleware: what is done before and after the handlers of a group of routes.
//
// A plain value. A handler it is put around is another handler; one without any is itself, so that
// routes without middleware cost nothing.
#pragma once

#include "handler.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace covey::http {

struct middleware
{
    // In their order, until one answers: then neither the others nor the handler are called.
    using before_call = std::function<std::optional<response>(request&)>;
    // In the opposite order, with whatever the answer is: a before's, the handler's, or the one to
    // what it threw. May change it.
    using after_call = std::function<void(request const&, response&)>;

    std::vector<before_call> before;
    std::vector<after_call> after;

    handler around(handler inner) const;
};

} // namespace covey::http
