// response_writer: a response as bytes, appended to a connection's one output string. The head is
// formatted by hand: Beast's serializer and fields cost five times the parser (measured:
// design notes, 6.1 k of 7.6 k instructions a request).
#pragma once

#include "message.hpp"

#include <ctime>
#include <string>
#include <string_view>

namespace covey::http {

// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", made once a second.
class date_line
{
  public:
    std::string_view now();

  private:
    std::time_t second_ = -1;
    std::string text_;
};

struct response_frame
{
    bool http_1_0 = false; // say keep-alive when it is kept
    bool keep_alive = true;
    bool head_only = false;   // HEAD: Content-Length of a body that is not sent
    bool until_close = false; // the body ends with the connection: event streams
    bool chunked = false;     // the body follows in chunks
};

// Whether `made` can be sent: a final status, and fields that cannot end or add a line (a handler
// that copies a client's bytes into a field must not let it write the response).
bool is_sendable(response const& made);

// The handler asked for the connection's end with "Connection: close".
bool asks_to_close(response const& made);

// Appends one chunk of a body that is chunked; `bytes` are some.
void append_chunk(std::string& out, std::string_view bytes);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

// Whether an answer of this status has a body, be it an empty one.
bool has_body(unsigned status);

// Appends head and body. Content-Length, Transfer-Encoding and Connection are the session's: a
// handler's are left out.
void append(std::string& out, response const& made, response_frame const& frame, date_line& date);

} // namespace covey::http
