#include "change_loop.hpp"

#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

namespace covey {

namespace {

// Looks at the rings between two looks at the loop's sockets, which cost a system call: few where
// the loop has something else to do, which waits meanwhile; else for some microseconds.
constexpr int looks_a_busy_turn = 64;
constexpr int looks_an_idle_turn = 512;

// A turn of the loop with nothing in it takes less.
constexpr std::chrono::microseconds idle_turn{2};

} // namespace

change_loop::change_loop(net::io_context& loop, subscription& changes,
                         std::chrono::microseconds budget)
    : loop_{loop}
    , changes_{changes}
    , budget_{budget}
    , odds_{budget}
    , bell_{loop.get_executor(), changes.doorbell()}
    , look_again_{loop}
{
    changes_.on_own_change([this] { come_round(); });
    wait();
    come_round();
}

change_loop::~change_loop()
{
    changes_.on_own_change({});
    static_cast<void>(bell_.release()); // the participant's
}

void change_loop::come_round()
{
    if (std::exchange(coming_, true))
        return;
    net::post(loop_, [this] {
        coming_ = false;
        turn();
    });
}

void change_loop::turn()
{
    settle(tell());
}

void change_loop::settle(bool news)
{
    if (budget_.count() > 0 && goes_on_looking(news))
        return come_round();
    if (!changes_.arm())
        return come_round();
    if (!changes_.holds_back())
        return;
    look_again_.expires_after(subscription::held_back_look);
    look_again_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped)
            come_round();
    });
}

// Whether the loop comes round at once.
bool change_loop::goes_on_looking(bool news)
{
    auto now = clock::now();
    if (odds_.pays() && !news) {
        auto looks = now - last_turn_ < idle_turn ? looks_an_idle_turn : looks_a_busy_turn;
        while (--looks != 0 && !news)
            news = tell();
        now = clock::now();
    }
    if (news)
        odds_.news_after(now - std::exchange(last_news_, now));
    last_turn_ = now;
    return odds_.pays() && now - last_news_ < budget_;
}

// Whether there was something to tell. A handler that throws costs its change and, by way of the
// loop, the worker its place (runtime.hpp); who is left hears the other changes until then.
bool change_loop::tell()
{
    try {
        return changes_.dispatch() > 0;
    } catch (...) {
        come_round();
        throw;
    }
}

void change_loop::wait()
{
    bell_.async_wait(bell_.wait_read, [this](boost::system::error_code failed) {
        if (!failed)
            rung();
    });
}

// Tells first: to empty the bell is a system call, and to wait again. Emptied before it is armed,
// for a later ring is of the next sleep. All that comes behind a handler that throws, too.
void change_loop::rung()
{
    std::exception_ptr thrown;
    try {
        bool const news = tell();
        changes_.answer();
        if (!coming_)
            settle(news);
    } catch (...) {
        thrown = std::current_exception();
        changes_.answer();
    }
    wait();
    if (on_ring_)
        on_ring_();
    if (thrown)
        std::rethrow_exception(thrown);
}

} // namespace covey
