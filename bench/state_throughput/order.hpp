// order: what the bench tells a player, and what it hears: lines over a Unix socket, so that a
// player may be written in anything.
//
//   player   ready
//   bench    WHAT WRITES START LENGTH     "mix 5 123456789000 60000000": 5 of 100 are writes, times
//                                         in nanoseconds of CLOCK_MONOTONIC
//   player   31.2 30.9 31.4 ...           nanoseconds an operation, a number a batch of operations
//
// A player whose socket ends has been dismissed, and ends.
#pragma once

#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace covey::bench {

struct order
{
    std::string what; // "mix", or the name of one operation
    unsigned writes_percent = 0;
    std::int64_t start_ns = 0;
    std::int64_t length_ns = 0;
};

std::int64_t now_ns(); // CLOCK_MONOTONIC

// One end of the talk. Everything throws system_error or runtime_error when the other end fails.
class line_socket
{
  public:
    explicit line_socket(handle connected);
    static line_socket to(std::string const& path);

    void send(std::string line);
    std::optional<std::string> receive(); // none: the other end has gone

    pid_t peer() const;

  private:
    handle socket_;
    std::string buffer_;
};

// The player's end.
class player_socket
{
  public:
    explicit player_socket(std::string const& path);

    std::optional<order> next(); // none: dismissed
    void answer(std::vector<double> const& samples);

  private:
    line_socket lines_;
    bool said_ready_ = false;
};

// The bench's end: where players come to.
class order_desk
{
  public:
    explicit order_desk(std::string path);

    // Waits for one more player. Throws runtime_error when none is ready within a minute or two.
    line_socket next_player();

    std::string const& path() const { return path_; }

  private:
    std::string path_;
    handle listening_;
};

void send(line_socket& player, order const& wanted);
std::vector<double> receive_samples(line_socket& player);

} // namespace covey::bench
