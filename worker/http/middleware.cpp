#include "middleware.hpp"

#include "failure.hpp"

#include <exception>
#include <memory>
#include <utility>

namespace covey::http {

namespace {

struct wrapped
{
    middleware calls;
    handler inner;

    std::optional<response> early(request& asked) const
    {
        for (auto const& each : calls.before)
            if (auto made = each(asked))
                return made;
        return std::nullopt;
    }
    response done(request const& asked, response made) const
    {
        for (auto each = calls.after.rbegin(); each != calls.after.rend(); ++each)
            (*each)(asked, made);
        return made;
    }
};

// `parts` is a parameter, not a capture: it lives in the coroutine's frame.
template <class... Body>
net::awaitable<response> await(std::shared_ptr<wrapped const> parts, request& asked, Body&... body)
{
    std::optional<response> made;
    try {
        made = parts->early(asked);
        if (!made)
            made = co_await parts->inner.wait(asked, body...);
    } catch (...) {
        made = answer_to(std::current_exception(), asked);
    }
    co_return parts->done(asked, std::move(*made));
}

response call(wrapped const& parts, request& asked)
{
    std::optional<response> made;
    try {
        made = parts.early(asked);
        if (!made)
            made = parts.inner(asked);
    } catch (...) {
        made = answer_to(std::current_exception(), asked);
    }
    return parts.done(asked, std::move(*made));
}

} // namespace

handler middleware::around(handler inner) const
{
    if (before.empty() && after.empty())
        return inner;
    auto const parts = std::make_shared<wrapped const>(wrapped{*this, std::move(inner)});
    if (parts->inner.reads_body())
        return [parts](request& asked, request_body& body) { return await(parts, asked, body); };
    if (parts->inner.waits())
        return [parts](request& asked) { return await(parts, asked); };
    return [parts](request& asked) { return call(*parts, asked); };
}

} // namespace covey::http
