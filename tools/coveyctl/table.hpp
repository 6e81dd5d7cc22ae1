// table: lines of columns for people, as wide as the terminal, 80 characters where there is none.
// What does not fit is cut from the last column.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace coveyctl {

class table
{
  public:
    enum class side { left, right };
    struct column
    {
        std::string title;
        side at = side::left;
    };

    explicit table(std::vector<column> columns);

    // As many cells as there are columns.
    void add(std::vector<std::string> cells);
    bool empty() const { return rows_.empty(); }

    void print(std::ostream& out) const;

  private:
    std::vector<column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

// Of names and what they are: "workers    2 of 2 ready".
class facts
{
  public:
    void add(std::string name, std::string what);
    void print(std::ostream& out) const;

  private:
    std::vector<std::pair<std::string, std::string>> lines_;
};

// For people: "12.3 MiB", "3 h 12 min", "1.2 ms".
std::string bytes_text(std::uint64_t bytes);
std::string time_text(std::chrono::nanoseconds time);

} // namespace coveyctl
