// route_group: routes under one prefix, with the middleware that is around them.
//
//   auto api = worker.group("/api");
//   api.before([](http::request const& asked) -> std::optional<http::response> {
//       if (asked.header("Authorization").empty())
//           return http::status(401);
//       return std::nullopt;
//   });
//   api.get("/scores/{player}", score); // GET /api/scores/{player}
//
// What is set before a route, or a group, is added is around it; what is set later is not. A value:
// copies add to the same routes.
#pragma once

#include "handler.hpp"
#include "middleware.hpp"

#include <functional>
#include <string>
#include <utility>

namespace covey::http {

class router;

class route_group
{
  public:
    using add_route = std::function<void(std::string method, std::string pattern, handler action)>;

    // `add` takes the routes; whatever it refers to outlives the group.
    explicit route_group(add_route add)
        : add_{std::move(add)}
    {}
    explicit route_group(router& to);

    // Below this group, with what is around this one so far. A prefix is a pattern that does not
    // end with '/': "/api", "/teams/{team}". Throws std::invalid_argument.
    route_group group(std::string const& prefix) const;

    void before(middleware::before_call call) { around_.before.push_back(std::move(call)); }
    void after(middleware::after_call call) { around_.after.push_back(std::move(call)); }

    // A pattern is "/", "/scores", "/scores/{player}": a {name} takes one non-empty segment;
    // "/{rest...}" at the end takes all that is left. Literal segments win over {names}. In a group
    // "" is the prefix itself. Throws std::invalid_argument on a bad or doubled pattern.
    void get(std::string const& pattern, handler action) { on("GET", pattern, std::move(action)); }
    void put(std::string const& pattern, handler action) { on("PUT", pattern, std::move(action)); }
    void post(std::string const& pattern, handler action)
    {
        on("POST", pattern, std::move(action));
    }
    void del(std::string const& pattern, handler action)
    {
        on("DELETE", pattern, std::move(action));
    }
    void patch(std::string const& pattern, handler action)
    {
        on("PATCH", pattern, std::move(action));
    }
    void any(std::string const& pattern, handler action) { on("*", pattern, std::move(action)); }
    void on(std::string method, std::string const& pattern, handler action)
    {
        add_(std::move(method), prefix_ + pattern, around_.around(std::move(action)));
    }

  private:
    add_route add_;
    std::string prefix_;
    middleware around_;
};

} // namespace covey::http
