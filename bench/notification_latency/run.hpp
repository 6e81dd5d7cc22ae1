// run: one run of one lane: what is asked of it, what its sender stamps, what its receiver notes.
//
// A lane is a way for a change to get from one process to another. Every lane does the same: the
// sender sends warm-ups at 1 kHz until the receiver has seen enough of them, then the measured
// changes, at 1 kHz or as fast as the window lets it; the receiver notes how old each is, and
// leaves what it noted in a file.
#pragma once

#include <boost/describe/class.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace covey::bench {

constexpr std::chrono::milliseconds pace{1};
constexpr std::int64_t warm_ups = 100;
constexpr std::int64_t window = 256; // changes on their way when flat out

struct run
{
    std::string lane;
    bool flat_out = false;
    std::int64_t samples = 0;
    bool pinned = false; // sender on the first CPU there is, receiver on the second
    std::string file;    // for the receiver's notes
};

// What a change carries.
struct stamp
{
    std::int64_t sent_ns = 0;  // CLOCK_MONOTONIC, right before the change is made
    std::int64_t sequence = 0; // 1, 2, ...; 0 for a warm-up
};
BOOST_DESCRIBE_STRUCT(stamp, (), (sent_ns, sequence))

std::int64_t now_ns();

// Keeps this process on the CPU that is the nth (0, 1, ...) it may use, if there are so many.
void pin_to_cpu(unsigned nth);

// Between two looks at shared memory.
inline void relax()
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

struct notes
{
    std::int64_t elapsed_ns = 0; // from the first change sent to the last one received
    std::vector<std::int64_t> latencies_ns;
};

// The receiver's: one call a measured change.
class note_taker
{
  public:
    explicit note_taker(std::int64_t samples);

    // Whether that was the last one. Throws runtime_error when one before it is missing.
    bool take(stamp const& change, std::int64_t received_ns);

    // Throws runtime_error when the file cannot be written.
    void save(std::string const& file) const;

  private:
    std::int64_t samples_;
    std::int64_t first_sent_ns_ = 0;
    notes notes_;
};

// Throws runtime_error when they are not all there.
notes read_notes(run const& made);

} // namespace covey::bench
