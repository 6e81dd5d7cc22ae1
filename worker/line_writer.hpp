// line_writer: lines for a file, a pipe or a terminal, written by a thread of their own: whoever
// hands one over never waits, however slow, stopped or full the other side is.
//
// Lines wait in memory, at most `bytes_max` of them beside what is being written. One that does not
// fit, or that the file does not take (a full disk), is dropped and counted. Lines that come within
// 10 ms leave in one write. A file that has been moved or removed is opened anew under its name
// before the next write, looked at once a second: who rotates logs need tell nobody.
//
// A process that is killed loses what waits. Calls on one thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace covey {

class line_writer
{
  public:
    static constexpr std::size_t bytes_max = 1 << 20;

    // `target` is a path, opened for appending (made with mode 0640), or "-": standard output.
    // Every dropped line is added to `dropped`, if there is one, which outlives this. Throws
    // system_error when the file cannot be opened.
    explicit line_writer(std::string target, std::atomic<std::uint64_t>* dropped = nullptr);

    // Waits for what is left to be written, for half a second at most.
    ~line_writer();
    line_writer(line_writer const&) = delete;
    line_writer& operator=(line_writer const&) = delete;

    // `line` ends with a line feed.
    void write(std::string_view line);

    std::uint64_t dropped() const;

  private:
    struct shared;
    std::shared_ptr<shared> shared_; // with the thread, which may have to be left behind
};

} // namespace covey
