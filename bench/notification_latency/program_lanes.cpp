// Peers that are programs: they are told by their words what a run is, keep the time themselves,
// and leave a file: "ELAPSED CONFLATED" in the first line, then each latency in nanoseconds.
#include "peers.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <harness_child.hpp>
#include <harness_peer.hpp>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;

constexpr char const* node_program = BENCH_PEERS "/notify.js";

outcome read_notes(std::string const& file, run const& made)
{
    std::ifstream notes{file};
    outcome out;
    if (!(notes >> out.elapsed_ns >> out.conflated))
        throw std::runtime_error{"the program left no notes"};
    if (made.flat_out()) {
        out.events = static_cast<std::uint64_t>(made.samples) - out.conflated;
        return out;
    }
    for (std::int64_t latency = 0; notes >> latency;)
        out.arrival.add(latency);
    out.events = out.arrival.count();
    return out;
}

} // namespace

std::string missing_node(scratch const&)
{
    return find_program("node").empty() ? "nodejs" : "";
}

outcome run_node(run made, std::chrono::milliseconds limit, scratch const& files)
{
    auto const file = files.file("node.notes");
    std::filesystem::remove(file);
    child::of_program(find_program("node"),
                      {"node", node_program, std::to_string(made.rate),
                       std::to_string(made.samples), std::to_string(made.payload),
                       std::to_string(window), file},
                      {}, SIGTERM)
        .wait(limit);
    return read_notes(file, made);
}

outcome run_shared_dict(run made, std::chrono::milliseconds limit, scratch const& files)
{
    auto const notes = files.file("shared_dict.notes");
    std::filesystem::remove(notes);
    auto const configuration = filled_in("notify_dict.conf", files, "shared_dict.conf",
                                         {{"@MODULES@", nginx_modules},
                                          {"@FOLDER@", files.folder()},
                                          {"@RATE@", std::to_string(made.rate)},
                                          {"@SAMPLES@", std::to_string(made.samples)},
                                          {"@PAYLOAD@", std::to_string(made.payload)},
                                          {"@NOTES@", notes}});
    child nginx = child::of_program(
        find_program("nginx"), {"nginx", "-p", files.folder(), "-c", configuration}, {}, SIGTERM);
    auto const last = std::chrono::steady_clock::now() + limit;
    while (!std::filesystem::exists(notes)) { // it is renamed to this when it is complete
        if (nginx.has_ended() || std::chrono::steady_clock::now() > last)
            throw std::runtime_error{"nginx left no notes"};
        ::usleep(5'000);
    }
    nginx.stop(20s);
    return read_notes(notes, made);
}

} // namespace covey::bench
