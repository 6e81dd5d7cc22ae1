// request_reader: bytes in, requests out: Beast's parser behind head_scanner and strict.
//
// One reader a connection; it makes one request at a time and keeps its memory. The request is
// whole and judged when it is handed out: nothing of a refused one reaches a handler.
#pragma once

#include "denial.hpp"
#include "limits.hpp"
#include "message.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace covey::http {

class request_reader
{
  public:
    enum class progress {
        need_more, // call again with more bytes
        head,      // once for a request that has a body: its head is in get()
        complete,  // the request is in get(); call next() when it has been answered
        refused,   // answer refusal() and close; the bytes after it are of no use
    };

    explicit request_reader(limits const& bounds);
    ~request_reader();

    // Takes what it can use off the front of `bytes`. What it leaves must be given again, with
    // more after it.
    progress read(std::string_view& bytes);

    // Forgets the request and begins another.
    void next();

    request& get();
    denial refusal() const;

    // Between `head` and the first byte of the body: it may have so many bytes (until then,
    // limits::body_bytes_max). What a length past that is answered with.
    denial limit_body(std::uint64_t bytes_max);
    std::uint64_t body_bytes() const; // that have come; more than body() holds when some were taken

    bool started() const;        // something of a request is here, be it in get() or in `bytes`
    bool in_body() const;        // its head is whole
    bool is_complete() const;    // all of it is here
    bool keep_alive() const;     // the client's wish, of a whole head
    bool is_http_1_0() const;    // of a whole head
    bool wants_continue() const; // Expect: 100-continue, of a whole head

  private:
    struct core;
    std::unique_ptr<core> core_;
};

} // namespace covey::http
