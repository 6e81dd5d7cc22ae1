// strictness: the table of what is no request, to hold any server of HTTP/1.1 against: bytes in,
// statuses out, and what becomes of the connection.
//
//   for (auto const& wrong : http::strictness::failures("127.0.0.1:8080", {.get = "/scores"}))
//       std::cerr << wrong << '\n'; // nothing, when all is well
//
// For a program's own tests, of its own handlers: the number of answers is the point. More of them
// than the sender meant requests would be a smuggled request. Blocks; needs nothing but the server.
#pragma once

#include "limits.hpp"

#include <chrono>
#include <covey/protocol/handle.hpp>
#include <functional>
#include <string>
#include <vector>

namespace covey::http::strictness {

enum class fate {
    kept,   // the connection serves another request
    closed, // nothing comes behind the answers but its end
};

// Stands for whatever a handler answers with.
inline constexpr unsigned answered = 0;

struct row
{
    std::string group; // "Host"
    std::string name;  // "userinfo"
    std::string bytes;
    std::vector<unsigned> statuses; // one each answer, in their order
    fate then = fate::closed;
};

// What the rows are made for.
struct site
{
    std::string get = "/";  // a target whose GET is answered
    std::string post = "/"; // one whose POST is, whatever the body
    std::string host = "a";
    limits bounds{};                            // as the server has them
    std::chrono::milliseconds patience{10'000}; // for one answer
};

std::vector<row> table(site const& of = {});

// Each makes a connected stream socket. Throws system_error.
using connect = std::function<handle()>;

// To "127.0.0.1:8080", "[::1]:8080" or "unix:PATH". Throws std::invalid_argument for another form.
connect connections_to(std::string const& address);

// Sends each row over a connection of its own; what did not come as it should, one sentence each.
// Every answer is held to have a Date, too. Throws what `to` throws.
std::vector<std::string> failures(connect const& to, std::vector<row> const& rows,
                                  site const& of = {});
std::vector<std::string> failures(std::string const& address, site const& of = {});

} // namespace covey::http::strictness
