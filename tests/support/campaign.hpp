// campaign: a fault campaign as a test. The same binary has two forms: the quick one is what ctest
// runs, and with --long on its command line every count is the long one (docs/internals/testing.md
// tells how they are run). What a campaign did is one line on standard output:
//
//   campaign "malformed frames": 100000 frames, 71234 refused; 0 failures; descriptors 6 -> 6;
//   seed 42; 3.1 s      (on one line)
//
// The binary's own main (tests/support/main.cpp) takes --long off before Catch sees it.
#pragma once

#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/seed.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace covey::test {

// Whether --long was given. Set once, by main.
inline bool& long_form()
{
    static bool is_long = false;
    return is_long;
}

// How often: the first number in the quick form, the second in the long one.
template <class Number>
Number times(Number quick, Number when_long)
{
    return long_form() ? when_long : quick;
}

// Tells its line when it is destroyed, after a failed REQUIRE too.
class campaign
{
  public:
    explicit campaign(std::string name)
        : name_{std::move(name)}
    {}
    ~campaign() { std::fputs(summary().c_str(), stdout), std::fflush(stdout); }
    campaign(campaign const&) = delete;
    campaign& operator=(campaign const&) = delete;

    // What this run's randomness starts from; COVEY_TEST_SEED repeats a run.
    std::uint64_t seed() const { return seed_; }
    std::mt19937_64 random() const { return std::mt19937_64{seed_}; }

    // Counts something worth telling; told in the order in which it was first counted.
    void count(std::string_view what, std::size_t more = 1)
    {
        for (auto& [known, number] : counts_)
            if (known == what) {
                number += more;
                return;
            }
        counts_.emplace_back(what, more);
    }
    std::size_t counted(std::string_view what) const
    {
        for (auto const& [known, number] : counts_)
            if (known == what)
                return number;
        return 0;
    }

    // CHECK for what is claimed a million times: costs nothing when it holds.
    bool expect(bool held, std::string_view claim)
    {
        if (!held) {
            ++failures_;
            INFO("seed " << seed_);
            FAIL_CHECK(claim);
        }
        return held;
    }

    // Checks that this process has as many descriptors open as when the campaign began.
    void expect_descriptors_back() { expect(descriptor_count() == before_, "descriptors leaked"); }

  private:
    std::string summary() const
    {
        std::string line = "campaign \"" + name_ + "\":";
        for (auto const& [what, number] : counts_)
            line += " " + std::to_string(number) + " " + what + ",";
        line.back() = ';';
        line += " " + std::to_string(failures_) + " failures; descriptors " +
                std::to_string(before_) + " -> " + std::to_string(descriptor_count()) + "; seed " +
                std::to_string(seed_) + "; ";
        auto const tenths = std::chrono::duration_cast<std::chrono::milliseconds>(
                                std::chrono::steady_clock::now() - began_)
                                .count() /
                            100;
        line += std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
        return line + (std::uncaught_exceptions() > 0 ? "; GIVEN UP\n" : "\n");
    }

    std::string name_;
    std::uint64_t seed_ = test::seed();
    std::vector<std::pair<std::string, std::size_t>> counts_;
    std::size_t failures_ = 0;
    std::size_t before_ = descriptor_count();
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

} // namespace covey::test
