// streams: bodies in pieces, for handlers that do not want them whole.
//
//   worker.put("/files/{name}", [](http::request const& asked, http::request_body& body)
//                                   -> net::awaitable<http::response> {
//       for (auto bytes = co_await body.read(); !bytes.empty(); bytes = co_await body.read())
//           keep(bytes);
//       co_return http::status(201);
//   });
//   worker.get("/rows", [](http::request const&) {
//       return http::streamed("text/csv", [](http::response_body& out) -> net::awaitable<void> {
//           for (auto const& row : rows)
//               co_await out.write(line_of(row));
//       });
//   });
//
// Nothing runs ahead: a body that its handler does not read waits with its sender, and a writer
// waits while its client does not take what was written.
#pragma once

#include "message.hpp"

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace covey::http {

namespace net = boost::asio;

// A request's body as it comes. The session's; it lives as long as the handler's coroutine.
class request_body
{
  public:
    // The next bytes; none at the body's end. They live until the next call. Throws system_error
    // when the rest will not come: the client is gone, too slow, or sent no body, and has been
    // answered. A handler that answers before the end has its connection closed behind the answer.
    virtual net::awaitable<std::string_view> read() = 0;

  protected:
    ~request_body() = default;
};

// Where a streamed response is written to. Its head has been sent.
class response_body
{
  public:
    // Completes when there is room for more. Throws system_error when the client is gone.
    virtual net::awaitable<void> write(std::string_view bytes) = 0;

  protected:
    ~response_body() = default;
};

struct stream_writer
{
    std::function<net::awaitable<void>(response_body&)> write;
};

// A response whose body `write` makes. It is called after the handler: the request is gone by then,
// so what it needs of that it has as copies. What it throws cuts the connection off, so that the
// client does not take a part for the whole.
response streamed(std::string type, std::function<net::awaitable<void>(response_body&)> write,
                  unsigned code = 200);

} // namespace covey::http
