// plain_requests: what a strict and slow reading of RFC 9112 sees in a connection's bytes, to hold
// a server against that reads them in its own way. It shares nothing with one: no parser, no table.
//
// Strict where two readers could see different requests: then the bytes from there on are nothing.
// It knows no limits, looks into no Host and no path, and reads on behind a request that asks for
// the connection's end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace covey::test {

struct plain_request
{
    std::string method;
    std::string target;
    std::string body;
};

struct plain_reading
{
    std::vector<plain_request> requests; // that are whole and in order
    bool clean = false;                  // and nothing stands behind them
};

plain_reading read_plainly(std::string_view bytes);

} // namespace covey::test
