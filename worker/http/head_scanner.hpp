// head_scanner: finds the end of a request's head in raw bytes, and refuses what the parser would
// let through or keep waiting for: bare LF, folded lines, a missing or foreign version, and heads
// past the limits, each with its own status.
//
// It looks at every byte once, however small the pieces they come in, and keeps no pointer.
#pragma once

#include "denial.hpp"
#include "limits.hpp"

#include <cstddef>
#include <string_view>

namespace covey::http {

class head_scanner
{
  public:
    explicit head_scanner(limits const& bounds)
        : bounds_{&bounds}
    {}

    struct result
    {
        std::size_t end = 0; // bytes of the head, its empty line included; 0: not all here yet
        denial refusal;
    };

    // `bytes` are all bytes of this request so far, those of earlier calls included.
    result scan(std::string_view bytes);

    // The next call is about another request.
    void reset();

  private:
    denial judge_request_line(std::string_view line) const;
    denial judge_unfinished(std::string_view bytes) const;

    limits const* bounds_;
    std::size_t line_ = 0;     // where the unfinished line begins
    std::size_t searched_ = 0; // no LF between line_ and here
    std::size_t lines_ = 0;    // finished ones
};

} // namespace covey::http
