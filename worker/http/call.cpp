#include "call.hpp"

#include "failure.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

namespace covey::http {

namespace {

constexpr std::size_t piece_bytes = 4 << 10; // about what a socket gives at once

class given_body final : public request_body
{
  public:
    explicit given_body(std::string_view all)
        : left_{all}
    {}
    net::awaitable<std::string_view> read() override
    {
        auto const piece = left_.substr(0, piece_bytes);
        left_.remove_prefix(piece.size());
        co_return piece;
    }

  private:
    std::string_view left_;
};

class kept_body final : public response_body
{
  public:
    explicit kept_body(std::string& into)
        : into_{into}
    {}
    net::awaitable<void> write(std::string_view bytes) override
    {
        into_ += bytes;
        co_return;
    }

  private:
    std::string& into_;
};

template <class Result>
void run(net::awaitable<Result> work, auto done)
{
    net::io_context loop;
    std::exception_ptr thrown;
    if constexpr (std::is_void_v<Result>)
        net::co_spawn(loop, std::move(work), [&](std::exception_ptr failed) { thrown = failed; });
    else
        net::co_spawn(loop, std::move(work), [&](std::exception_ptr failed, Result result) {
            thrown = failed;
            done(std::move(result));
        });
    loop.run();
    if (thrown)
        std::rethrow_exception(thrown);
}

response answer_of(handler const& action, request& asked)
{
    if (!action.waits())
        return action(asked);
    given_body body{asked.body_text};
    response made;
    run(action.reads_body() ? action.wait(asked, body) : action.wait(asked),
        [&](response got) { made = std::move(got); });
    return made;
}

} // namespace

response call(handler const& action, request asked)
{
    try {
        auto made = answer_of(action, asked);
        if (auto const stream = std::move(made.stream)) {
            kept_body body{made.body};
            run(stream->write(body), [] {});
        }
        return made;
    } catch (...) {
        return answer_to(std::current_exception(), asked);
    }
}

response call(router const& routes, request asked)
{
    auto route = routes.find(asked.method(), asked.path());
    if (!route.chosen)
        return refusal(route, asked);
    asked.parameters = std::move(route.parameters);
    return call(*route.chosen, std::move(asked));
}

} // namespace covey::http
