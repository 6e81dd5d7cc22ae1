// cluster: covey::run, the one call of a program's main.
//
// The same program is master and worker: the master starts it again for every worker, as Node's
// cluster.fork does. So everything in main above run() is executed in every role: keep it free of
// side effects.
//
// Standard flags, which override what code set in options: --listen ADDR (repeatable),
// --workers N|auto, --dispatch POLICY, --drain-deadline 30s, --busy-poll 0us, --control PATH|off,
// --log-level, --log-format text|json, --version, --help. When every worker is ready the master
// prints one line on standard output: "covey: ready on 127.0.0.1:8080 (workers 2, pid 1234)"; with
// several addresses "covey: ready on A, ready on B (...)".
#pragma once

#include <covey/master/master.hpp>
#include <covey/master/options.hpp>
#include <covey/shm/state.hpp>
#include <covey/worker/worker.hpp>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace covey {

namespace detail {

// `make_view` makes the program's state; it is called once, in either role.
int run(int argc, char const* const* argv, options&& defaults,
        std::function<state&()> const& make_view, std::function<void(runtime&)> set_up,
        std::function<void(master&)> const& set_up_master);

} // namespace detail

// Whether this process is a worker, started by a master; known from the start of main.
bool is_worker();
inline bool is_master()
{
    return !is_worker();
}
inline bool is_primary() // as Node calls it
{
    return is_master();
}

// Runs the cluster and returns the exit code of this process: 0 after a graceful stop, 2 for a
// wrong command line, 1 for anything else that kept the cluster from running (one line on standard
// error says what and what to do). Blocks; call it once, from main's thread.
//
// `set_up(worker<State>&)` is called in every worker, before it is ready. `set_up_master(master&)`
// is called in the master, before any worker is started: for its events, messages and orders
// (master/master.hpp). All workers depend on that process: nothing there may block.
template <class State, class Setup, class MasterSetup>
int run(int argc, char const* const* argv, options defaults, Setup set_up,
        MasterSetup set_up_master)
{
    static_assert(std::is_base_of_v<state, State>,
                  "the state is a struct derived from covey::state");
    std::optional<State> view;
    std::optional<worker<State>> made; // routes may keep references to it: it lives as long as run
    return detail::run(
        argc, argv, std::move(defaults), [&]() -> state& { return view.emplace(); },
        [&](runtime& runtime) { set_up(made.emplace(runtime, *view)); }, std::move(set_up_master));
}

// The same, with a master that only does what it always does.
template <class State, class Setup>
int run(int argc, char const* const* argv, options defaults, Setup set_up)
{
    return run<State>(argc, argv, std::move(defaults), std::move(set_up), [](master&) {});
}

// The same without a command line.
template <class State, class Setup>
int run(options defaults, Setup set_up)
{
    return run<State>(0, nullptr, std::move(defaults), std::move(set_up));
}

} // namespace covey
