// What a session tells of its answers: counts, times, the access log.
#include "session.hpp"

namespace covey::http {

void session::turn_away(denial why)
{
    refuse(why);
    advance();
}

// To a whole request, by its handler or the router.
void session::tell_of(unsigned status, std::size_t bytes)
{
    watch_.answered();
    owner_.counts().answered(reader_.get().method_name, status);
    if (owner_.access() != nullptr)
        log_access(status, bytes, watch_.elapsed());
}

// To what no handler has seen, or instead of a handler that is late.
void session::tell_of_refusal(denial why, std::size_t bytes)
{
    if (phase_ == phase::answering)
        return tell_of(why.status, bytes);
    owner_.counts().answered(reader_.get().method_name, why.status);
    owner_.counts().rejected(why);
    if (owner_.access() != nullptr)
        log_access(why.status, bytes, {});
}

void session::log_access(unsigned status, std::size_t bytes, std::chrono::nanoseconds took)
{
    if (!client_)
        client_ = socket_.peer();
    owner_.access()->write({.asked = reader_.get(),
                            .client = *client_,
                            .http_1_0 = reader_.in_body() && reader_.is_http_1_0(),
                            .status = status,
                            .bytes = bytes,
                            .took = took});
}

} // namespace covey::http
