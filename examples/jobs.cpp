// jobs: work that is given to any worker, done by one of them, and by another when that one dies.
//
//   ./dev run jobs --workers 3
//   curl --data 'wash the dog' 'http://127.0.0.1:8080/jobs?seconds=60'
//   curl http://127.0.0.1:8080/journal        # wash the dog: try 1 by process 4711, begun
//   kill -9 4711
//   curl http://127.0.0.1:8080/journal        # wash the dog: try 2 by process 4712, begun
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <covey/covey.hpp>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>

namespace http = covey::http;

struct job
{
    covey::text<80> what;
    std::uint32_t seconds = 0; // that it takes
};
BOOST_DESCRIBE_STRUCT(job, (), (what, seconds))

struct entry
{
    covey::text<80> what;
    std::uint64_t tries = 0;
    std::int64_t process = 0;
    bool done = false; // else begun
};
BOOST_DESCRIBE_STRUCT(entry, (), (what, tries, process, done))

struct office : covey::state
{
    covey::queue<job> jobs{*this, "jobs", covey::capacity{1'000}};
    covey::ring<entry> journal{*this, "journal", covey::capacity{100}};
};

// What a worker has on its desk: one job at a time.
class desk
{
  public:
    explicit desk(covey::worker<office>& worker)
        : office_{worker.state()}
        , timer_{worker.get_executor()}
    {}

    void take_next()
    {
        if (job_ || closed_)
            return;
        auto const next = office_.jobs.pop();
        if (!next)
            return;
        job_ = *next;
        note(false);
        timer_.expires_after(std::chrono::seconds{job_->row.seconds});
        timer_.async_wait([this](boost::system::error_code cancelled) {
            if (!cancelled)
                finish();
        });
    }

    // Somebody else is to do it: at once, not when this process has ended.
    void close()
    {
        closed_ = true;
        timer_.cancel();
        if (job_)
            office_.jobs.give_back(*job_);
        job_.reset();
    }

  private:
    void finish()
    {
        if (!job_)
            return;
        note(true);
        office_.jobs.acknowledge(*job_);
        job_.reset();
        take_next();
    }
    void note(bool done)
    {
        office_.journal.append({.what = job_->row.what,
                                .tries = job_->deliveries,
                                .process = ::getpid(),
                                .done = done});
    }

    office& office_;
    boost::asio::steady_timer timer_;
    std::optional<covey::leased_item<job>> job_;
    bool closed_ = false;
};

http::response add(office& state, http::request const& asked)
{
    job wanted;
    auto const seconds = asked.query("seconds").value_or("0");
    std::from_chars(seconds.data(), seconds.data() + seconds.size(), wanted.seconds);
    if (!covey::text<80>::fits(asked.body()))
        return http::status(413);
    wanted.what = asked.body();
    return http::status(state.jobs.push(wanted).stored() ? 202 : 503);
}

http::response journal(office const& state)
{
    std::string out;
    for (auto const& [line, revision] : state.journal.last(100))
        out += std::string{line.what} + ": try " + std::to_string(line.tries) + " by process " +
               std::to_string(line.process) + (line.done ? ", done\n" : ", begun\n");
    return http::text(out + std::to_string(state.jobs.size()) + " waiting\n");
}

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "jobs";
    return covey::run<office>(argc, argv, options, [](covey::worker<office>& worker) {
        auto& state = worker.state();
        auto const mine = std::make_shared<desk>(worker);
        worker.on_change(state.jobs, [mine](auto const&) { mine->take_next(); },
                         {.own_changes = true});
        boost::asio::post(worker.get_executor(), [mine] { mine->take_next(); }); // what waits
        worker.on_drain([mine](auto) { mine->close(); });
        worker.post("/jobs", [&state](http::request const& asked) { return add(state, asked); });
        worker.get("/journal", [&state](http::request const&) { return journal(state); });
    });
}
