// Reloads of a whole cluster: under load, during one another, and to a program that has become
// broken.
#include "askers.hpp"
#include "master_log.hpp"
#include "start_file.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace reloads_test {

using namespace covey::test;
using namespace std::chrono_literals;

namespace {

// One who listens to the board's events and comes back, with Last-Event-ID, as often as its stream
// is ended. The scores of player "seq" are 1, 2, 3, ...: whoever misses none hears them so. A reset
// begins with all scores as they are; changes of before may be told again behind them.
class listener
{
  public:
    explicit listener(cluster const& where)
        : where_{where}
    {
        open();
        thread_ = std::thread{[this] { run(); }};
    }
    ~listener() { stop(); }
    listener(listener const&) = delete;
    listener& operator=(listener const&) = delete;

    std::int64_t heard() const { return heard_; }

    // It ends with the next line that comes.
    void ask_to_stop() { stop_ = true; }

    void stop()
    {
        stop_ = true;
        if (thread_.joinable())
            thread_.join();
    }

    // Once stopped.
    std::size_t ends = 0;   // of streams
    std::size_t untold = 0; // that ended without having been told when to come back
    std::size_t resets = 0;
    std::vector<std::string> wrong;

  private:
    void open()
    {
        client_ = std::make_unique<http_client>(where_.connect());
        client_->send(request_text("GET", "/events", "",
                                   last_id_.empty() ? "" : "Last-Event-ID: " + last_id_ + "\r\n"));
        if (client_->read(true).status != 200)
            wrong.emplace_back("the stream is refused");
        told_when_ = 0;
    }

    void run()
    {
        while (!stop_)
            try {
                auto const line = client_->read_line();
                if (line)
                    hear(*line);
                else
                    come_back();
            } catch (std::exception const& failed) {
                wrong.emplace_back(failed.what());
                return;
            }
    }

    void come_back()
    {
        ++ends;
        untold += told_when_ > 1 ? 0U : 1U; // at the stream's begin, and before its end
        if (client_->was_reset())
            wrong.emplace_back("the stream was reset");
        open();
    }

    void hear(std::string const& line)
    {
        if (line.starts_with("retry: "))
            ++told_when_;
        else if (line.starts_with("id: "))
            last_id_ = line.substr(4);
        else if (line == "event: reset")
            ++resets, jumps_ = true;
        else if (line.starts_with("data: ") && line.find("\"seq\"") != line.npos)
            hear(std::stoll(line.substr(line.find("\"points\":") + 9)));
    }

    void hear(std::int64_t number)
    {
        bool const gap = heard_ != 0 && number > heard_ + 1 && !std::exchange(jumps_, false);
        bool const again = number <= heard_ && resets == 0;
        if (gap || again)
            wrong.push_back(std::to_string(number) + " came behind " + std::to_string(heard_));
        heard_ = std::max(heard_.load(), number);
    }

    cluster const& where_;
    std::unique_ptr<http_client> client_;
    std::string last_id_;
    int told_when_ = 0;
    bool jumps_ = false;
    std::atomic<std::int64_t> heard_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

// Of the processes that the log knows of, those that have not ended since: they were all alive when
// it was read.
std::size_t generations_alive(master_log const& told)
{
    std::set<std::uint64_t> out;
    for (auto const& [pid, generation] : told.generations)
        if (!is_gone(pid))
            out.insert(generation);
    return out.size();
}

} // namespace

TEST_CASE("a rolling reload loses no request and no event, and every seat is served", "[fault]")
{
    constexpr std::size_t workers = 3;
    campaign run{"reloads under load"};
    cluster it{BOARD, workers, {"--log-level", "debug", "--close-spread", "300ms"}};
    askers busy{it, 4, "/healthz", 0ms};
    askers idling{it, 24, "/healthz", 600ms}; // longer than idle connections of an old worker live
    std::vector<std::unique_ptr<listener>> listeners;
    for (int i = 0; i < 6; ++i)
        listeners.push_back(std::make_unique<listener>(it));

    std::atomic<bool> over{false};
    std::atomic<std::int64_t> written{0};
    std::atomic<std::size_t> unwritten{0};
    std::thread writer{[&] {
        std::optional<http_client> client;
        while (!over) {
            if (!client)
                client.emplace(it.connect());
            auto const answer = ask(*client, "PUT", "/scores/seq", std::to_string(written + 1));
            answer.status == 204 ? static_cast<void>(++written) : static_cast<void>(++unwritten);
            if (answer.status != 204 || answer.header("Connection") == "close")
                client.reset();
            std::this_thread::sleep_for(500us); // the load's rhythm
        }
    }};

    for (int generation = 1; generation <= times(4, 100); ++generation) {
        auto const before = it.workers();
        it.process.signal(SIGHUP);
        auto const line = "generation " + std::to_string(generation) + " serves";
        REQUIRE(wait_until([&] { return it.has_logged(line); }));
        run.expect(wait_until([&] { return std::all_of(before.begin(), before.end(), is_gone); }),
                   "the old workers are gone");
        run.expect(idling.all_go_on() && busy.all_go_on(), "everybody is served afterwards");
        run.count("reloads");
    }
    over = true;
    writer.join();
    run.count("events", static_cast<std::size_t>(written));
    run.expect(unwritten == 0, "a write under way failed");
    for (auto& each : listeners)
        run.expect(wait_until([&] { return each->heard() == written; }), "the last event is heard");
    // A keep-alive comment is 15 s away: what wakes a listener that is to stop is one more event.
    for (auto& each : listeners)
        each->ask_to_stop();
    it.ask("PUT", "/scores/anna", "1");
    for (auto& each : listeners) {
        each->stop();
        run.count("streams ended", each->ends);
        run.count("resets", each->resets);
        run.expect(each->untold == 0, "a stream ended without being told when to come back");
        run.expect(each->ends >= run.counted("reloads"), "each reload ends every stream");
        for (auto const& what : each->wrong)
            run.expect(false, what);
    }
    busy.leave(run);
    idling.leave(run);
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");

    auto const log = it.process.errors();
    master_log const told{log.substr(0, log.find("SIGTERM received")), workers};
    run.expect(told.fewest_ready >= workers, "as many workers as seats are ready at any time");
    run.expect(told.most_starting <= 1, "one worker is started at a time");
    run.expect(told.reloads_done == run.counted("reloads"), "each reload is one generation");
}

TEST_CASE("reloads during reloads are coalesced and generations stay few", "[fault]")
{
    constexpr std::size_t workers = 2;
    campaign run{"reloads during reloads"};
    auto random = run.random();
    cluster it{SANDBOX, workers, {"--log-level", "debug"}};
    askers load{it, 6, "/healthz", 5ms};
    auto const told = [&] {
        master_log const now{it.process.errors(), workers};
        run.expect(generations_alive(now) <= 3, "at most three generations are alive");
        return now;
    };
    for (int i = times(20, 500); i > 0; --i) {
        it.process.signal(SIGHUP);
        run.count("reloads asked for");
        told();
        std::this_thread::sleep_for(std::chrono::milliseconds{random() % 20}); // their rhythm
    }
    // When no reload is running any more: each that was started has ended.
    run.expect(wait_until([&] {
                   auto const now = told();
                   return now.reloads_done == now.reloads_started && now.reloads_done >= 2;
               }),
               "every reload ends");
    run.expect(load.all_go_on(), "everybody is served afterwards");
    run.expect(wait_until([&] { return it.workers().size() == workers; }), "the old ones leave");
    load.leave(run);
    auto const now = told();
    run.count("reloads done", now.reloads_done);
    run.expect(now.fewest_ready >= workers, "as many workers as seats are ready at any time");
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

TEST_CASE("a reload of a program that has become broken leaves the old workers as they are",
          "[fault]")
{
    constexpr std::size_t workers = 2;
    campaign run{"reloads of a broken program"};
    start_file const start;
    cluster it{SANDBOX, workers, {"--ready-timeout", "5s"}, {start.variable()}};
    auto const before = it.workers();
    auto clients = it.one_on_each(workers);
    askers load{it, 4, "/healthz", 5ms};
    // How a worker begins, and what the verdict says of it.
    struct fault
    {
        char const* word;
        char const* reason;
    };
    std::vector<fault> faults{{"die", "bailing out"},
                              {"segv", "(seat "}, // a sanitizer ends it by an exit code
                              {"refuse", "the configuration is broken"},
                              {"not-yet", "the database is not there yet"}};
    if (long_form())
        faults.push_back({"hang", "it was not ready in time"});
    for (int i = 0; i < times(20, 500); ++i) {
        auto const& one = faults[static_cast<std::size_t>(i) % faults.size()];
        if (std::string_view{one.word} == "hang" && i > 50)
            continue; // five seconds each
        start.begin(one.word);
        auto const failed = it.times_logged(one.reason);
        it.process.signal(SIGHUP);
        run.expect(wait_until([&] { return it.times_logged(one.reason) > failed; }),
                   std::string{"the verdict says why: "} + one.reason);
        run.expect(wait_until([&] { return it.workers() == before; }), "the old workers stay");
        for (auto& each : clients)
            run.expect(ask(each, "GET", "/healthz").status == 200, "their connections too");
        run.count("failed reloads");
    }
    start.begin("well");
    it.process.signal(SIGHUP);
    run.expect(wait_until([&] { return it.has_logged(" serves\n"); }), "a mended one is reloaded");
    run.expect(load.all_go_on(), "everybody is served afterwards");
    load.leave(run);
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
    auto const log = it.process.errors();
    master_log const told{log.substr(0, log.find("SIGTERM received")), workers};
    run.expect(told.fewest_ready >= workers, "as many workers as seats are ready at any time");
    run.expect(told.reloads_done == 1, "a reload that failed is none");
}

} // namespace reloads_test
