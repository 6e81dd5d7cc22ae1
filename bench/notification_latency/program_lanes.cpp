// Peers that are programs: they are told by their words what a run is, keep the time themselves,
// and leave a file: "ELAPSED CONFLATED" in the first line, then each latency in nanoseconds.
#include "peers.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <harness_child.hpp>
#include <iterator>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;

constexpr char const* node_program = BENCH_PEERS "/notify.js";
constexpr char const* shared_dict_conf = BENCH_PEERS "/notify_dict.conf";
constexpr char const* nginx_modules = "/usr/lib/nginx/modules/";

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

void fill_in(std::string& text, std::string_view mark, std::string const& with)
{
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
        text.replace(at, mark.size(), with);
}

} // namespace

std::string missing_node()
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

std::string missing_shared_dict()
{
    if (find_program("nginx").empty())
        return "nginx";
    for (auto const* module : {"ndk_http_module.so", "ngx_http_lua_module.so"})
        if (::access((std::string{nginx_modules} + module).c_str(), R_OK) != 0)
            return fmt::format("nginx's {}", module);
    return {};
}

outcome run_shared_dict(run made, std::chrono::milliseconds limit, scratch const& files)
{
    auto const notes = files.file("shared_dict.notes");
    std::filesystem::remove(notes);
    std::ifstream from{shared_dict_conf};
    std::string text{std::istreambuf_iterator<char>{from}, {}};
    fill_in(text, "@MODULES@", nginx_modules);
    fill_in(text, "@FOLDER@", files.folder());
    fill_in(text, "@RATE@", std::to_string(made.rate));
    fill_in(text, "@SAMPLES@", std::to_string(made.samples));
    fill_in(text, "@PAYLOAD@", std::to_string(made.payload));
    fill_in(text, "@NOTES@", notes);
    auto const configuration = files.file("shared_dict.conf");
    std::ofstream{configuration} << text;
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
