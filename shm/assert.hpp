// COVEY_ASSERT: our own bugs and broken invariants. On in release: the worker dies with one line,
// the master blocks another. The house's only macro.
#pragma once

namespace covey::detail {

[[noreturn]] void assertion_failed(char const* claim, char const* file, int line) noexcept;

} // namespace covey::detail

#define COVEY_ASSERT(claim)                                                                        \
    (static_cast<bool>(claim) ? void(0)                                                            \
                              : ::covey::detail::assertion_failed(#claim, __FILE__, __LINE__))
