// What a signal asks of a master: the table, and what is read out of it.
#include <covey/master/signals.hpp>

#include "support/catch.hpp"

using namespace covey::supervision;
using namespace std::chrono_literals;

namespace {

signal_reader::time_point const start{1h};

std::optional<signal_wish> heard(int number, surroundings const& here = {})
{
    return signal_reader{}.read(start, number, here);
}

} // namespace

TEST_CASE("every signal of the table is one wish", "[master][signals]")
{
    CHECK(heard(SIGTERM) == signal_wish::stop);
    CHECK(heard(SIGINT) == signal_wish::stop_fast);
    CHECK(heard(SIGQUIT) == signal_wish::stop);
    CHECK(heard(SIGHUP) == signal_wish::reload);
    CHECK(heard(SIGUSR1) == signal_wish::reopen_log);
    CHECK(heard(SIGUSR2) == signal_wish::upgrade);
    CHECK(heard(SIGTTIN) == signal_wish::one_more);
    CHECK(heard(SIGTTOU) == signal_wish::one_less);
    CHECK(heard(SIGWINCH) == signal_wish::drain_or_go);
    CHECK(heard(SIGCHLD) == std::nullopt);
}

TEST_CASE("any signal to stop means at once when the master stops already", "[master][signals]")
{
    for (auto const number : {SIGTERM, SIGINT, SIGQUIT})
        CHECK(heard(number, {.is_stopping = true}) == signal_wish::stop_now);
}

TEST_CASE("the same signal that comes again at once is the same wish", "[master][signals]")
{
    signal_reader it;
    CHECK(it.read(start, SIGTERM, {}) == signal_wish::stop);
    CHECK(it.read(start + 4ms, SIGTERM, {.is_stopping = true}) == std::nullopt);
    // The window begins with the first: what goes on coming is a wish in the end.
    CHECK(it.read(start + 6ms, SIGTERM, {.is_stopping = true}) == signal_wish::stop_now);

    CHECK(it.read(start + 20ms, SIGTERM, {}) == signal_wish::stop);
    CHECK(it.read(start + 21ms, SIGINT, {.is_stopping = true}) == signal_wish::stop_now);

    CHECK(it.read(start, SIGTTIN, {}) == signal_wish::one_more); // two more are two
    CHECK(it.read(start, SIGTTIN, {}) == signal_wish::one_more);
}

TEST_CASE("a terminal's own signals are told from people's", "[master][signals]")
{
    CHECK(heard(SIGWINCH, {.has_terminal = true}) == std::nullopt); // its size has changed
    CHECK(heard(SIGHUP, {.has_terminal = true}) == signal_wish::reload);
    CHECK(heard(SIGHUP, {.lost_terminal = true}) == signal_wish::stop); // it is gone
}
