// exposition: a page of metrics in Prometheus' text format, version 0.0.4. Pure: names and numbers
// in, text out.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace covey::http {

class exposition
{
  public:
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

    using label = std::pair<std::string_view, std::string_view>;

    // Begins a family; its samples follow. `type` is counter, gauge or histogram; `help` is one
    // line, without a backslash.
    void family(std::string_view name, std::string_view type, std::string_view help);

    // A label's value may be any text: it is escaped.
    void sample(std::initializer_list<label> labels, std::uint64_t value)
    {
        sample({}, labels, value);
    }
    void sample(std::initializer_list<label> labels, double value) { sample({}, labels, value); }

    // One of a name that goes on behind the family's: "_bucket", "_sum", "_count".
    void sample(std::string_view suffix, std::initializer_list<label> labels, std::uint64_t value);
    void sample(std::string_view suffix, std::initializer_list<label> labels, double value);

    // As samples write it: the shortest text that reads back the same.
    static std::string number(double value);

    std::string take() { return std::exchange(text_, {}); }

  private:
    void begin_sample(std::string_view suffix, std::initializer_list<label> labels);

    std::string family_;
    std::string text_;
};

} // namespace covey::http
