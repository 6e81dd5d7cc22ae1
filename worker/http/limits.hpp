// limits: what one connection, and one worker, may cost. docs/http.md has them with what a client
// is told at each of them; limit_hits.hpp counts who met one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace covey::http {

struct limits
{
    // ---- a request ----
    std::size_t target_bytes_max = 8 << 10;          // 414
    std::size_t head_bytes_max = 16 << 10;           // request line and header: 431
    std::size_t fields_max = 100;                    // 431
    std::size_t body_bytes_max = 1 << 20;            // 413
    std::uint64_t streamed_bytes_max = 1 << 30;      // a body that its handler reads in pieces: 413
    std::size_t chunk_extension_bytes_max = 1 << 10; // of one body: 400
    std::size_t chunk_size_digits_max = 16;          // as many as a 64-bit number has: 400
    std::size_t trailer_bytes_max = 4 << 10;         // 431
    std::size_t body_bytes_per_second_min = 256;     // averaged, after body_timeout's grace: 408

    // ---- a connection ----
    std::size_t unsent_bytes_max = 1 << 20; // answers waiting for the client: reading stops
    std::size_t linger_bytes_max = 256 << 10;

    // ---- a worker ----
    std::uint32_t in_flight_max = 10'000;    // handlers that wait: one request more is 503
    std::uint32_t connections_max = 100'000; // one more is answered 503 and closed

    // ---- times; kept by one coarse timer, so each may be up to two ticks late ----
    std::chrono::milliseconds tick{250};
    std::chrono::milliseconds head_timeout{10'000}; // from a request's first byte to its head: 408
    std::chrono::milliseconds body_timeout{10'000}; // without a byte of the body: 408
    std::chrono::milliseconds handler_timeout{60'000}; // of a handler that waits: 503; 0: never
    std::chrono::milliseconds idle_timeout{60'000};    // between requests: closed
    std::chrono::milliseconds write_timeout{30'000};   // the client takes nothing: closed
    std::chrono::milliseconds linger_timeout{2'000}; // after the last answer, for the client's end
    std::chrono::milliseconds drain_idle_timeout{200}; // a draining server ends nobody idle before
    std::chrono::milliseconds drain_linger_timeout{1'000}; // linger_timeout, while draining

    // The first thing wrong, as one sentence that says what to do; empty when all is well.
    std::string validate() const;
};

} // namespace covey::http
