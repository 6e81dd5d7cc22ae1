#include "table.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace coveyctl {

namespace {

constexpr std::size_t usual_width = 80;

std::size_t width_of_output()
{
    ::winsize size{};
    if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return usual_width;
    return std::max<std::size_t>(size.ws_col, 40);
}

// Characters, taking each for one column wide: continuation bytes of UTF-8 are none.
std::size_t length(std::string_view text)
{
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char each) {
        return (static_cast<unsigned char>(each) & 0xc0) != 0x80;
    }));
}

std::string cut(std::string_view text, std::size_t width)
{
    if (length(text) <= width)
        return std::string{text};
    constexpr std::string_view mark = "..";
    auto end = text.begin();
    for (auto left = std::max(width, mark.size()) - mark.size(); end != text.end(); ++end)
        if ((static_cast<unsigned char>(*end) & 0xc0) != 0x80 && left-- == 0)
            break;
    return std::string{text.begin(), end} + std::string{mark};
}

} // namespace

table::table(std::vector<column> columns)
    : columns_{std::move(columns)}
{}

void table::add(std::vector<std::string> cells)
{
    rows_.push_back(std::move(cells));
}

void table::print(std::ostream& out) const
{
    std::vector<std::string> titles;
    for (auto const& each : columns_)
        titles.push_back(each.title);
    std::vector<std::size_t> widths(columns_.size());
    auto const measure = [&](std::vector<std::string> const& cells) {
        for (std::size_t i = 0; i != widths.size(); ++i)
            widths[i] = std::max(widths[i], length(cells[i]));
    };
    measure(titles);
    std::for_each(rows_.begin(), rows_.end(), measure);
    auto const room = width_of_output();
    auto const say = [&](std::vector<std::string> const& cells) {
        std::string line;
        for (std::size_t i = 0; i != cells.size(); ++i) {
            std::string const gap(widths[i] - length(cells[i]), ' ');
            if (i != 0)
                line += "  ";
            line += columns_[i].at == side::right ? gap + cells[i] : cells[i] + gap;
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out << cut(line, room) << '\n';
    };
    say(titles);
    std::for_each(rows_.begin(), rows_.end(), say);
}

void facts::add(std::string name, std::string what)
{
    lines_.emplace_back(std::move(name), std::move(what));
}

void facts::print(std::ostream& out) const
{
    std::size_t width = 0;
    for (auto const& [name, what] : lines_)
        width = std::max(width, name.size());
    for (auto const& [name, what] : lines_)
        out << fmt::format("{:<{}}  {}\n", name, width, what);
}

std::string bytes_text(std::uint64_t bytes)
{
    constexpr std::array<std::string_view, 4> units{"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024)
        return fmt::format("{} B", bytes);
    auto number = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; number >= 1024 && unit + 1 < units.size(); ++unit)
        number /= 1024;
    return fmt::format("{:.1f} {}", number, units.at(unit));
}

std::string time_text(std::chrono::nanoseconds time)
{
    using namespace std::chrono;
    auto const seconds = duration_cast<std::chrono::seconds>(time).count();
    if (seconds >= 86'400)
        return fmt::format("{} d {} h", seconds / 86'400, seconds / 3'600 % 24);
    if (seconds >= 3'600)
        return fmt::format("{} h {} min", seconds / 3'600, seconds / 60 % 60);
    if (seconds >= 60)
        return fmt::format("{} min {} s", seconds / 60, seconds % 60);
    auto const ns = static_cast<double>(time.count());
    if (time >= 1s)
        return fmt::format("{:.1f} s", ns / 1e9);
    if (time >= 1ms)
        return fmt::format("{:.1f} ms", ns / 1e6);
    return fmt::format("{:.1f} us", ns / 1e3);
}

} // namespace coveyctl
