#include "master_log.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace covey::test {

namespace {

// The number behind `word`, in a line that goes on with `rest` behind it; 0 when there is none.
std::uint64_t number_in(std::string const& line, std::string const& word, std::string const& rest)
{
    auto const end = line.find(rest);
    auto const begin = end == line.npos ? end : line.rfind(word, end);
    return begin == line.npos ? 0 : std::stoull(line.substr(begin + word.size()));
}

} // namespace

master_log::master_log(std::string const& text, std::size_t workers)
{
    std::map<std::uint64_t, pid_t> alive; // by id
    std::set<std::uint64_t> ready;
    std::uint64_t starting = 0; // the generation
    bool all_once = false;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        if (line.find("seat ") != line.npos) {
            if (auto const made = number_in(line, ": worker ", " started (pid ")) {
                alive[made] = static_cast<pid_t>(number_in(line, "(pid ", ")"));
                generations[alive[made]] = starting;
            } else if (auto const fit = number_in(line, ": worker ", " is ready")) {
                ready.insert(fit);
                replacements += all_once ? 1 : 0;
            } else if (auto const gone = number_in(line, ": worker ", " is gone")) {
                generations.erase(alive[gone]);
                alive.erase(gone);
                ready.erase(gone);
            }
        } else if (auto const begun = number_in(line, "reload: generation ", " is being started")) {
            starting = begun;
            ++reloads_started;
        } else if (number_in(line, "reload: generation ", " serves") != 0) {
            ++reloads_done;
        }
        if (ready.size() == workers && !all_once) {
            all_once = true;
            fewest_ready = workers;
        }
        if (all_once) {
            fewest_ready = std::min(fewest_ready, ready.size());
            most_starting =
                std::max(most_starting, alive.size() - std::min(alive.size(), ready.size()));
        }
    }
}

} // namespace covey::test
