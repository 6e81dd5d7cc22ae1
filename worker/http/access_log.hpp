// access_log: a line for every response, as text that tools for nginx's combined format read, or as
// one JSON object. Written by a thread of its own (line_writer.hpp): no request waits for it.
#pragma once

#include "message.hpp"

#include <atomic>
#include <chrono>
#include <covey/protocol/log.hpp>
#include <covey/worker/line_writer.hpp>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace covey::http {

// One response, and what it answers.
struct access
{
    request const& asked;      // of one that was refused: as far as it was read
    std::string_view client{}; // a numeric address; empty: a Unix socket
    bool http_1_0 = false;
    unsigned status = 0;
    std::size_t bytes = 0; // of the body, as far as it is known now
    std::chrono::nanoseconds took{};
};

class access_log
{
  public:
    // `target`: line_writer's. `dropped` counts lines that are lost. Throws system_error.
    access_log(std::string target, log::format form, std::uint32_t seat,
               std::atomic<std::uint64_t>* dropped = nullptr);

    void write(access const& one);
    std::uint64_t dropped() const { return lines_.dropped(); }

  private:
    void begin_second(std::time_t second);
    void write_text(access const& one);
    void write_json(access const& one, long milliseconds);

    log::format form_;
    std::uint32_t seat_;
    std::time_t second_ = -1;
    std::string time_; // of that second, as the form has it
    std::string line_;
    line_writer lines_;
};

} // namespace covey::http
