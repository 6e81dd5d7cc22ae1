// router: method and path to handler. Pure: no I/O, no clock.
//
// Patterns are kept as a tree of path segments. At each segment a literal is tried before a
// {name}, and both before a {rest...}; where a choice leads nowhere the next one is tried, so a
// pattern is found whenever one matches. Segments are split before they are decoded: a "%2F" stays
// inside its parameter. A path that is a pattern without parameters as it stands, and has the
// method, is found at once.
#pragma once

#include "handler.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace covey::http {

class router
{
  public:
    struct match
    {
        handler const* chosen = nullptr; // null: answer `status`
        unsigned status = 404;           // 400, 404 or 405 when nothing was chosen
        std::vector<request::field> parameters;
        std::string allow; // with 405: "GET, HEAD, PUT"
    };

    router();
    ~router();
    router(router&&) noexcept;
    router& operator=(router&&) noexcept;

    // `method` is exact, or "*" for any. Throws std::invalid_argument on a pattern that is not one
    // or that is there already.
    void add(std::string method, std::string_view pattern, handler action);

    // `path` as sent, not decoded, without a query. HEAD falls to GET's handler. The handler
    // pointed to lives as long as the router.
    match find(std::string_view method, std::string_view path) const;

  private:
    struct route;
    struct node;
    struct search;
    struct places;
    std::unique_ptr<node> root_;
    std::unique_ptr<places> whole_; // where patterns without parameters end, by their text
};

// What is answered where no handler was chosen: 404, 405 with Allow, 501 for a method that nobody
// knows, 204 for OPTIONS of the server itself ("*").
response refusal(router::match const& route, request const& asked);

} // namespace covey::http
