// board: the memory that all processes of one run share, whichever way its changes go: what each
// of them noted, and how far the run is.
//
//   warming_up   the sender sends warm-ups until every receiver has seen enough of them
//   at_gate      the sender waits to be told
//   measuring    the bench has told it
//   all_sent     it has made the last change, and noted what there is to note
//
// A run is over when, besides, every receiver has seen the last change. Notes are made by those
// whose they are and read by the bench.
#pragma once

#include "latency_histogram.hpp"
#include "run.hpp"

#include <atomic>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>

namespace covey::bench {

constexpr std::int64_t warm_ups = 50;

enum class run_phase : int { warming_up = 0, at_gate, measuring, all_sent };

struct receiver_notes
{
    alignas(64) std::atomic<std::int64_t> seen{0}; // the newest change
    std::atomic<std::int64_t> warmed_up{0};
    std::atomic<std::int64_t> events{0};    // changes that it was told
    std::atomic<std::int64_t> conflated{0}; // changes that a newer one was told instead of
    std::atomic<std::int64_t> resyncs{0};
    std::atomic<std::int64_t> finished_ns{0}; // when it saw the last change
    std::atomic<pid_t> pid{0};
    latency_histogram arrival; // from when a change was due until the handler was entered
};

// Of one change that goes to several receivers.
struct arrival_notes
{
    std::atomic<std::int64_t> latest_ns{0};
    std::atomic<std::uint32_t> receivers{0};
};

struct common_notes
{
    alignas(64) std::atomic<run_phase> phase{run_phase::warming_up};
    std::atomic<pid_t> sender{0};
    std::atomic<std::int64_t> start_ns{0}; // when the first change is due, or was made
    alignas(64) latency_histogram late;    // from when a change was due until it was made
    latency_histogram writing;             // what making one took the sender
    latency_histogram in_hand;             // from when a change was due until its value was read
    latency_histogram last_arrival;        // until the last of several receivers was told
};

class board
{
  public:
    static board create(run const& wanted); // throws system_error
    static board attach(run const& made);   // that of made.board; throws system_error
    board(board&& other) noexcept;
    board& operator=(board&&) = delete;
    ~board();

    // For run::board: any process of this user finds it there while this one lives.
    std::string path() const;

    common_notes& common() const { return *common_; }
    receiver_notes& receiver(std::uint32_t nth) const { return receivers_[nth]; } // 0, 1, ...
    arrival_notes& arrival(std::int64_t sequence) const { return arrivals_[sequence - 1]; }

    // Maps all of it, so that no page is missing while something is measured.
    void touch() const;

    // Whether every receiver has ...
    bool all_warmed_up(run const& made) const;
    bool all_saw(run const& made, std::int64_t sequence) const;

  private:
    board(handle memory, run const& made, bool is_new);

    handle memory_;
    std::size_t bytes_ = 0;
    void* address_ = nullptr;
    common_notes* common_ = nullptr;
    receiver_notes* receivers_ = nullptr;
    arrival_notes* arrivals_ = nullptr; // of runs with more than one receiver
};

} // namespace covey::bench
