// coveyctl: looks into running clusters, and gives them orders. docs/coveyctl.md is its page.
//
// It reaches a master by its control socket, and reads the state in a segment that the kernel maps
// for reading only: nothing it does can stop or change a cluster but the orders that say so.
#include "choice.hpp"
#include "entry_text.hpp"
#include "failure.hpp"
#include "verbs.hpp"

#include <CLI/CLI.hpp>
#include <covey/shm/inspect.hpp>
#include <csignal>
#include <fmt/format.h>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace coveyctl {

namespace {

// The words of the command line, and what they ask for.
class command
{
  public:
    command()
    {
        app_.set_version_flag("--version", "coveyctl (covey " COVEY_VERSION ")");
        app_.fallthrough(); // what says which cluster may stand anywhere
        app_.add_option("NAME", which_.name, "The cluster, by its name; not needed when one runs");
        app_.add_option("--control", which_.control, "The cluster, by its control socket")
            ->type_name("PATH");
        app_.add_option("--pid", which_.pid, "The cluster, by its master's process");
        app_.add_flag("--json", json_, "Say it for programs");
        add_cluster();
        add_watch(app_);
        add_lag(app_);
        add_state(*app_.add_subcommand("state", "Look into the shared state"));
    }

    int run(int argc, char** argv)
    {
        try {
            app_.parse(argc, argv);
        } catch (CLI::ParseError const& said) {
            return app_.exit(said) == 0 ? exit_code::done : exit_code::wrong_words;
        }
        return chosen_ ? chosen_() : refuse_words();
    }

  private:
    using cluster_verb = std::function<int(cluster_link&)>;
    using state_verb = std::function<int(covey::inspect const&)>;

    // No verb: a word that is none is taken for a cluster's name.
    int refuse_words() const
    {
        auto const& of = app_.got_subcommand("state") ? *app_.get_subcommand("state") : app_;
        std::vector<std::string> verbs;
        for (auto const* const one : of.get_subcommands([](auto const*) { return true; }))
            verbs.push_back(one->get_name());
        auto const& word = which_.name;
        std::cerr << fmt::format(
            "coveyctl: {}; --help lists the verbs\n",
            word.empty() ? fmt::format("say what to do: {}", fmt::join(verbs, ", "))
                         : fmt::format("'{}' is no verb; {}", word, suggestion(word, verbs)));
        return exit_code::wrong_words;
    }

    CLI::App& add(CLI::App& to, std::string const& name, std::string const& help, cluster_verb verb)
    {
        auto& made = *to.add_subcommand(name, help);
        made.fallthrough();
        made.callback([this, verb = std::move(verb)] {
            chosen_ = [this, verb] {
                cluster_link cluster{socket_of(which_)};
                return verb(cluster);
            };
        });
        return made;
    }

    CLI::App& add(CLI::App& to, std::string const& name, std::string const& help, state_verb verb)
    {
        return add(to, name, help, cluster_verb{[verb = std::move(verb)](cluster_link& cluster) {
                       return verb(open_state(cluster));
                   }});
    }

    void add_cluster()
    {
        add(app_, "status", "The cluster at a glance",
            cluster_verb{[this](auto& cluster) { return tell_status(cluster, json_); }});
        add(app_, "workers", "Every worker: seat, process, generation, load",
            cluster_verb{[this](auto& cluster) { return tell_workers(cluster, json_); }});
        add(app_, "reload", "Replace every worker by a new one; tells the verdict",
            cluster_verb{[this](auto& cluster) { return reload(cluster, json_); }});
        add(app_, "scale", "Have so many workers",
            cluster_verb{[this](auto& cluster) { return scale(cluster, workers_, json_); }})
            .add_option("N", workers_, "How many")
            ->required();
        auto& ends = add(
            app_, "stop", "Stop the cluster gracefully, and wait for its end",
            cluster_verb{[this](auto& cluster) { return stop(cluster, now_, !no_wait_, json_); }});
        ends.add_flag("--now", now_, "Kill the workers");
        ends.add_flag("--no-wait", no_wait_, "Do not wait");
    }

    void add_state(CLI::App& state)
    {
        state.fallthrough();
        add(state, "ls", "Every field: kind, rows, memory, type",
            state_verb{[this](auto& it) { return list_fields(it, json_); }});
        add_field(add(state, "describe", "What a field is, member by member; all without FIELD",
                      state_verb{[this](auto& it) { return describe(it, field_, json_); }}));
        auto& getting = add(state, "get", "One row, or what a field without rows is",
                            state_verb{[this](auto& it) { return get(it, field_, key_, json_); }});
        add_field(getting)->required();
        getting.add_option("KEY", key_, "Of a map or a queue");
        add_field(add(state, "dump", "Every row, a JSON object a line",
                      state_verb{[this](auto& it) { return dump(it, field_); }}))
            ->required();
        add_watch(state);
        add(state, "locks", "Every lock that somebody holds, and who",
            state_verb{[this](auto& it) { return tell_locks(it, json_); }});
        add_lag(state);
        add(state, "repairs", "The last 64 repairs of what dead workers had left",
            state_verb{[this](auto& it) { return tell_repairs(it, json_); }});
        add(state, "fsck", "Whether the state is whole; exit code 1 when it is not",
            state_verb{[this](auto& it) { return check(it, json_); }});
    }

    // These two stand in both places: who looks at notification needs no other part of the state.
    void add_watch(CLI::App& to)
    {
        auto& watching =
            add(to, "watch", "Changes as they come, until interrupted",
                cluster_verb{[this](auto& cluster) {
                    watch_wish const wish{field_, key_, std::chrono::milliseconds{interval_ms_}};
                    return watch(open_state(cluster), cluster.master_pid(), wish, json_);
                }});
        add_field(watching)->required();
        watching.add_option("KEY", key_, "Of a map: this row only");
        watching
            .add_option("--interval", interval_ms_,
                        "Milliseconds between two looks: a reader can not be rung")
            ->check(CLI::Range(1, 60'000))
            ->capture_default_str();
    }

    void add_lag(CLI::App& to)
    {
        add(to, "lag", "How far each subscriber is behind, and what notifying has cost",
            state_verb{[this](auto& it) { return tell_lags(it, json_); }});
    }

    CLI::Option* add_field(CLI::App& to) { return to.add_option("FIELD", field_, "Its name"); }

    CLI::App app_{"Looks into running clusters of covey, and gives them orders", "coveyctl"};
    choice which_;
    bool json_ = false;
    bool now_ = false;
    bool no_wait_ = false;
    std::uint32_t workers_ = 0;
    std::string field_;
    std::string key_;
    int interval_ms_ = 50;
    std::function<int()> chosen_;
};

} // namespace

} // namespace coveyctl

int main(int argc, char** argv)
{
    std::signal(SIGPIPE, SIG_IGN); // a reader that has gone shows in the stream
    try {
        return coveyctl::command{}.run(argc, argv);
    } catch (coveyctl::failure const& failed) {
        std::cerr << "coveyctl: " << failed.what() << '\n';
        return failed.code;
    } catch (std::exception const& failed) {
        std::cerr << "coveyctl: " << failed.what() << '\n';
        return coveyctl::exit_code::failed;
    }
}
