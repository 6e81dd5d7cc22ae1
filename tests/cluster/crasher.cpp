// crasher: a program of covey that dies where it is told to, between two steps of an operation on
// its state: its shm/commit.cpp and shm/recovery.cpp have been given named crash points by the
// patches in crash_points/ (tests/CMakeLists.txt).
//
//   /do?what=OPERATION             does it, and answers with the state
//   /do?what=OPERATION&die=POINT   the same, and dies there; answers if it does not come by
//   /heard                         the changes told to this worker since it was last asked
#include <charconv>
#include <covey/covey.hpp>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>

namespace http = covey::http;

namespace {

char const* dies_at = nullptr;

} // namespace

namespace covey::test {

void crash_point(char const* name) noexcept;

void crash_point(char const* name) noexcept
{
    if (dies_at != nullptr && std::strcmp(dies_at, name) == 0)
        ::raise(SIGKILL);
}

} // namespace covey::test

namespace {

using name = covey::text<8>;

struct stage : covey::state
{
    covey::map<name, std::uint64_t> rows{*this, "rows", covey::capacity{8}};
    covey::value<std::uint64_t> best{*this, "best"};
    covey::queue<std::uint64_t> jobs{*this, "jobs", covey::capacity{8}};
};

// The state that every operation begins with; `mark` is told last.
void set(stage& all, std::uint64_t mark)
{
    all.rows.put("a", 1);
    all.rows.erase("b");
    while (auto const job = all.jobs.pop())
        all.jobs.acknowledge(*job);
    all.best.put(mark);
}

void run(stage& all, std::string_view what)
{
    if (what == "update")
        all.rows.put("a", 2);
    if (what == "insert")
        all.rows.put("b", 2);
    if (what == "erase")
        all.rows.erase("a");
    if (what == "value")
        all.best.put(2);
    if (what == "push")
        all.jobs.push(2);
    if (what == "transaction")
        covey::transact(all, [&](covey::transaction& tx) {
            tx.put(all.rows, "a", 2);
            tx.put(all.best, 2);
            return true;
        });
    if (what == "pass by") // meets the map's lock and changes nothing
        all.rows.erase("none");
    std::uint64_t mark = 0;
    if (std::from_chars(what.data(), what.data() + what.size(), mark).ec == std::errc{})
        set(all, mark);
}

std::string text_of(stage const& all)
{
    std::string out;
    for (auto const* key : {"a", "b"})
        if (auto const row = all.rows.get(key))
            out.append(key).append(" ").append(std::to_string(*row)).append(", ");
    return out + "best " + std::to_string(all.best.get()) + ", jobs " +
           std::to_string(all.jobs.size());
}

} // namespace

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "crasher";
    auto const in_worker = [](covey::worker<stage>& worker) {
        auto const heard = std::make_shared<std::string>();
        auto& all = worker.state();
        auto const hear_row = [heard](auto const& change) {
            heard->append(std::string_view{change.key}).append(" ");
            heard->append(change.after ? std::to_string(*change.after) : "gone").append(", ");
        };
        auto const hear_best = [heard](auto const& change) {
            heard->append("best " + std::to_string(change.after.value_or(0)) + ", ");
        };
        auto const hear_job = [heard](auto const&) { heard->append("job, "); };
        auto const every = covey::delivery::every;
        worker.on_change(all.rows, hear_row, {.deliver = every, .own_changes = true});
        worker.on_change(all.best, hear_best, {.deliver = every, .own_changes = true});
        worker.on_change(all.jobs, hear_job, {.deliver = every, .own_changes = true});
        worker.get("/do", [&all](http::request const& asked) {
            auto const point = asked.query("die");
            dies_at = point ? point->c_str() : nullptr;
            run(all, asked.query("what").value_or(""));
            dies_at = nullptr;
            return http::text(text_of(all));
        });
        worker.get("/heard", [heard](http::request const&) { return http::text(*heard); });
        worker.get("/forget", [heard](http::request const&) {
            heard->clear();
            return http::text("");
        });
        worker.get("/healthz", [](http::request const&) {
            return http::text("ok").set("X-Worker", std::to_string(::getpid()));
        });
    };
    return covey::run<stage>(argc, argv, options, in_worker);
}
