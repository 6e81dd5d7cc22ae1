#include "wrk.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <harness_child.hpp>
#include <harness_peer.hpp>
#include <harness_process_tree.hpp>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;

constexpr unsigned threads = 2;
constexpr auto length_min = 400ms; // it looks at its clock ten times a second

std::string read_all(handle const& from)
{
    std::string out;
    std::array<char, 4096> buffer;
    for (ssize_t got = 0; (got = ::read(from.get(), buffer.data(), buffer.size())) > 0;)
        out.append(buffer.data(), static_cast<std::size_t>(got));
    return out;
}

// The number behind `words`, or before them.
double behind(std::string const& said, std::string_view words)
{
    auto const at = said.find(words);
    return at == std::string::npos ? 0 : std::atof(said.c_str() + at + words.size());
}

double before(std::string const& said, std::string_view words)
{
    auto const at = said.find(words);
    auto const line = at == std::string::npos ? at : said.rfind('\n', at);
    return line == std::string::npos ? 0 : std::atof(said.c_str() + line + 1);
}

wrk_result apply_once(wrk_load const& wanted)
{
    std::vector<std::string> words{
        "wrk", fmt::format("-t{}", threads), fmt::format("-c{}", wanted.connections),
        "-d1h", // it is stopped: it counts in whole seconds
        fmt::format("http://127.0.0.1:{}{}", wanted.port, wanted.target)};
    if (wanted.pipelined > 1) {
        words.insert(words.end() - 1, {"-s", peer_file("pipelined.lua")});
        words.insert(words.end(), {"--", std::to_string(wanted.pipelined)});
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw std::runtime_error{"no pipe"};
    handle const out{ends[0]};
    handle in{ends[1]};
    auto wrk = child::of_program(find_program("wrk"), words, in);
    in.reset();
    auto const limit = std::chrono::steady_clock::now() + 10s;
    while (!has_signal(wrk.pid(), "SigCgt", SIGINT)) {
        if (std::chrono::steady_clock::now() > limit)
            throw std::runtime_error{"wrk does not start"};
        std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(wanted.length);
    ::kill(wrk.pid(), SIGINT);
    auto const said = read_all(out);
    wrk.wait(10s);
    wrk_result made{.per_second = behind(said, "Requests/sec:"),
                    .requests = before(said, " requests in ")};
    if (said.find("Non-2xx") != std::string::npos ||
        said.find("Socket errors") != std::string::npos)
        throw std::runtime_error{"wrk says: " + said};
    return made;
}

} // namespace

bool is_wrk_installed()
{
    return !find_program("wrk").empty();
}

wrk_result apply(wrk_load const& wanted)
{
    auto patient = wanted;
    patient.length = std::max<std::chrono::milliseconds>(wanted.length, length_min);
    // On a machine that does something else a server may not run once in so short a time.
    for (int tries = 0; tries != 4; ++tries, patient.length *= 3)
        if (auto const made = apply_once(patient); made.requests > 0)
            return made;
    throw std::runtime_error{"wrk has been answered nothing"};
}

} // namespace covey::bench
