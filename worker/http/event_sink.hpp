// event_sink: one client's place in an event stream: what has still to be written to it.
//
// Shared by the stream, which pushes, and the client's session, which takes. The stream holds it
// weakly: when the session lets go of it, the client is gone from the stream.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace covey::http {

class event_sink
{
  public:
    // `retry` is what the client has been told to wait before it comes back. `left` is called when
    // the sink is destroyed.
    event_sink(std::size_t pending_bytes_max, std::chrono::milliseconds retry,
               std::function<void()> left)
        : pending_bytes_max_{pending_bytes_max}
        , retry_{retry}
        , left_{std::move(left)}
    {}
    ~event_sink() { left_(); }
    event_sink(event_sink const&) = delete;
    event_sink& operator=(event_sink const&) = delete;

    // ---- the stream's side ----

    // A client that has pending_bytes_max waiting already is cut off: it does not read.
    void push(std::string_view bytes)
    {
        if (is_cut_ || is_ended_)
            return;
        if (pending_.size() + held_ + bytes.size() > pending_bytes_max_) {
            is_cut_ = true;
            pending_ = {};
        } else {
            pending_ += bytes;
        }
    }
    void end() { is_ended_ = true; }
    bool is_quiet() const { return pending_.empty() && held_ == 0; }
    bool has_news() const { return !pending_.empty() || is_cut_ || is_ended_; }
    void wake() const
    {
        if (wake_)
            wake_();
    }

    // ---- the session's side ----

    // `wake` is called, never from inside push(), when there is something to take or to notice.
    void on_news(std::function<void()> wake) { wake_ = std::move(wake); }
    // All that waits; the session says with hold() how much of it the client has not yet taken.
    void take(std::string& into) { into.append(std::exchange(pending_, {})); }
    void hold(std::size_t bytes) { held_ = bytes; }
    // The last bytes for a client whose worker leaves: it shall come back after half to one and a
    // half times the usual wait, as `random` in [0, 1) says, so that those who are told so at one
    // time do not all come at one time. Its Last-Event-ID is kept.
    std::string farewell(double random) const
    {
        auto const wait = static_cast<double>(retry_.count()) * (0.5 + random);
        return "retry: " + std::to_string(static_cast<long long>(wait)) + "\n\n";
    }
    bool is_cut() const { return is_cut_; }
    bool is_ended() const { return is_ended_; }

  private:
    std::size_t pending_bytes_max_;
    std::chrono::milliseconds retry_;
    std::function<void()> left_;
    std::function<void()> wake_;
    std::string pending_;
    std::size_t held_ = 0; // taken, not yet sent
    bool is_cut_ = false;
    bool is_ended_ = false;
};

} // namespace covey::http
