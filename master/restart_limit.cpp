#include "restart_limit.hpp"

#include <fmt/format.h>
#include <utility>

namespace covey::supervision {

namespace {

std::string indented(std::string const& text)
{
    std::string out;
    for (char const letter : text) {
        out += letter;
        if (letter == '\n')
            out += "  ";
    }
    return out;
}

} // namespace

bool restart_limit::count(time_point now, std::string obituary)
{
    if (intensity_ == 0)
        return false;
    while (!failures_.empty() && now - failures_.front().at >= period_)
        failures_.pop_front();
    failures_.push_back({now, std::move(obituary)});
    return failures_.size() > intensity_;
}

std::string restart_limit::history(time_point now) const
{
    std::string out;
    for (auto const& one : failures_) {
        std::chrono::duration<double> const ago = now - one.at;
        out += fmt::format("{}{:.1f} s ago, {}", out.empty() ? "" : "\n", ago.count(),
                           indented(one.obituary));
    }
    return out;
}

} // namespace covey::supervision
