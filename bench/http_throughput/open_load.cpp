#include "open_load.hpp"

#include "talk.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <harness_notes.hpp>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <system_error>

namespace covey::bench {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto patience = 10s;

class open_client
{
  public:
    explicit open_client(open_load const& wanted)
        : request_{kept_request(wanted.target)}
        , step_{1s / clock::duration{1} / wanted.per_second}
        , uncounted_{wanted.warm_up / step_}
        , all_{uncounted_ + wanted.length / step_}
        , set_{::epoll_create1(EPOLL_CLOEXEC)}
        , due_(wanted.connections)
    {
        for (std::size_t i = 0; i != wanted.connections; ++i) {
            talks_.emplace_back(wanted.port);
            epoll_event watched{.events = EPOLLIN, .data = {.u64 = i}};
            if (::epoll_ctl(set_.get(), EPOLL_CTL_ADD, talks_[i].socket(), &watched) != 0)
                throw std::system_error{errno, std::system_category(), "epoll_ctl"};
            free_.push_back(i);
        }
    }

    std::vector<std::int64_t> run()
    {
        ::prctl(PR_SET_TIMERSLACK, 1); // what is due is sent when it is due
        std::array<epoll_event, 64> events{};
        begin_ = clock::now() + 1ms;
        while (answered_ < all_) {
            send_what_is_due();
            auto const count = wait(events);
            for (int i = 0; i < count; ++i)
                hear(static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64));
        }
        return std::move(notes_);
    }

  private:
    clock::time_point due(std::int64_t number) const { return begin_ + number * step_; }

    void send_what_is_due()
    {
        while (sent_ < all_ && !free_.empty() && due(sent_) <= clock::now()) {
            auto const chosen = free_.back();
            free_.pop_back();
            due_[chosen] = sent_++;
            talks_[chosen].say(request_);
        }
    }

    template <std::size_t N>
    int wait(std::array<epoll_event, N>& events)
    {
        bool const timed = sent_ < all_ && !free_.empty();
        auto const left =
            timed ? std::max(due(sent_) - clock::now(), clock::duration{0}) : patience;
        timespec const limit{.tv_sec = left / 1s, .tv_nsec = (left % 1s) / 1ns};
        auto const count = ::epoll_pwait2(set_.get(), events.data(), N, &limit, nullptr);
        if (count < 0 && errno != EINTR)
            throw std::system_error{errno, std::system_category(), "epoll_pwait2"};
        if (count == 0 && !timed)
            throw std::runtime_error{"requests are not answered"};
        return count;
    }

    void hear(std::size_t which)
    {
        if (talks_[which].hear() == 0)
            return;
        auto const number = due_[which];
        if (number >= uncounted_)
            notes_.push_back((clock::now() - due(number)) / 1ns);
        free_.push_back(which);
        ++answered_;
    }

    std::string request_;
    clock::duration step_;
    std::int64_t uncounted_;
    std::int64_t all_;
    handle set_;
    std::vector<talk> talks_;
    std::vector<std::int64_t> due_; // of each connection: the request it waits for
    std::vector<std::size_t> free_;
    clock::time_point begin_;
    std::int64_t sent_ = 0;
    std::int64_t answered_ = 0;
    std::vector<std::int64_t> notes_;
};

} // namespace

std::vector<double> apply(open_load const& wanted)
{
    std::vector<double> out;
    for (auto const ns : noting_child{[&] { return open_client{wanted}.run(); }}.take(patience))
        out.push_back(static_cast<double>(ns) / 1e3);
    return out;
}

} // namespace covey::bench
