#include "line_writer.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <covey/protocol/handle.hpp>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace covey {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

namespace {

constexpr auto gather = 10ms;
constexpr auto look_every = 1s;
constexpr auto last_wait = 500ms;
constexpr std::size_t kept_bytes = 64 << 10; // of a buffer that is empty

handle opened(std::string const& path)
{
    return handle{::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640)};
}

// A descriptor of its own: the program may do with its standard output what it likes.
handle open_target(std::string const& target)
{
    return target == "-" ? handle{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)} : opened(target);
}

std::uint64_t lines_of(std::string_view text)
{
    return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

} // namespace

struct line_writer::shared
{
    std::string target;
    std::atomic<std::uint64_t> lost{0};

    std::mutex mutex;
    std::atomic<std::uint64_t>* total = nullptr; // under the mutex
    std::condition_variable news;
    std::condition_variable done;
    std::string waiting;  // under the mutex
    bool leaving = false; // under the mutex
    bool is_done = false; // under the mutex

    handle file;            // the thread's
    clock::time_point look; // the thread's

    void lose(std::uint64_t lines) // under the mutex
    {
        lost.fetch_add(lines, std::memory_order_relaxed);
        if (total != nullptr)
            total->fetch_add(lines, std::memory_order_relaxed);
    }
    void follow_name();
    void write_out(std::string_view text);
    void run();
};

void line_writer::shared::follow_name()
{
    if (target == "-" || clock::now() < look)
        return;
    look = clock::now() + look_every;
    struct ::stat named
    {};
    struct ::stat open
    {};
    if (::stat(target.c_str(), &named) == 0 && ::fstat(file.get(), &open) == 0 &&
        named.st_dev == open.st_dev && named.st_ino == open.st_ino)
        return;
    if (auto fresh = opened(target); fresh.is_open())
        file = std::move(fresh); // else the old one is better than none
}

void line_writer::shared::write_out(std::string_view text)
{
    follow_name();
    while (!text.empty()) {
        auto const wrote = ::write(file.get(), text.data(), text.size());
        if (wrote > 0) {
            text.remove_prefix(static_cast<std::size_t>(wrote));
            continue;
        }
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0 && errno == EAGAIN) { // somebody has made it non-blocking
            pollfd asked{.fd = file.get(), .events = POLLOUT, .revents = 0};
            ::poll(&asked, 1, -1);
            continue;
        }
        std::scoped_lock const lock{mutex};
        return lose(lines_of(text));
    }
}

void line_writer::shared::run()
{
    std::string writing;
    std::unique_lock lock{mutex};
    for (;;) {
        news.wait(lock, [&] { return leaving || !waiting.empty(); });
        if (waiting.empty())
            break;
        news.wait_for(lock, gather, [&] { return leaving; });
        std::swap(waiting, writing);
        lock.unlock();
        write_out(writing);
        writing.clear();
        if (writing.capacity() > kept_bytes)
            writing.shrink_to_fit();
        lock.lock();
    }
    is_done = true;
    done.notify_all();
}

line_writer::line_writer(std::string target, std::atomic<std::uint64_t>* dropped)
    : shared_{std::make_shared<shared>()}
{
    shared_->target = std::move(target);
    shared_->total = dropped;
    shared_->file = open_target(shared_->target);
    if (!shared_->file.is_open())
        throw boost::system::system_error{errno, boost::system::system_category(),
                                          "open the access log " + shared_->target};
    // Signals are for the loop's thread.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread{[its = shared_] { its->run(); }}.detach();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

line_writer::~line_writer()
{
    std::unique_lock lock{shared_->mutex};
    shared_->leaving = true;
    shared_->news.notify_one();
    shared_->done.wait_for(lock, last_wait, [this] { return shared_->is_done; });
    shared_->total = nullptr; // the thread may have to go on without it
}

void line_writer::write(std::string_view line)
{
    std::scoped_lock const lock{shared_->mutex};
    auto& waiting = shared_->waiting;
    if (waiting.size() + line.size() > bytes_max)
        return shared_->lose(1);
    bool const first = waiting.empty();
    waiting += line;
    if (first)
        shared_->news.notify_one();
}

std::uint64_t line_writer::dropped() const
{
    return shared_->lost.load(std::memory_order_relaxed);
}

} // namespace covey
