#include "frame_input.hpp"

#include "frame_header.hpp"

#include <covey/protocol/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace covey::protocol::detail {

namespace {

constexpr std::size_t read_bytes_min = 16 << 10;
constexpr std::size_t read_bytes_max = 256 << 10; // no header makes us hold more than this ahead
constexpr std::size_t waiting_max = 2 * handles_max;

} // namespace

std::span<char> frame_input::space()
{
    std::size_t wanted = read_bytes_min;
    if (unread().size() >= header_bytes) {
        std::size_t const whole = header_bytes + load(unread()).length;
        wanted =
            std::clamp(whole - std::min(whole, unread().size()), read_bytes_min, read_bytes_max);
    }
    if (at_border()) {
        begin_ = end_ = 0;
        if (buffer_.size() > read_bytes_max) // a big frame has passed: give its memory back
            buffer_ = {};
    }
    if (buffer_.size() - end_ < wanted && begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= std::exchange(begin_, 0);
    }
    if (buffer_.size() - end_ < wanted)
        buffer_.resize(end_ + wanted);
    return {buffer_.data() + end_, buffer_.size() - end_};
}

void frame_input::arrived(std::size_t bytes, std::vector<handle>& handles, bool handles_lost)
{
    end_ += bytes;
    std::move(handles.begin(), handles.end(), std::back_inserter(waiting_));
    handles.clear();
    if (handles_lost)
        waiting_.emplace_back();
}

bool frame_input::lost_among(std::size_t count) const
{
    auto const first = waiting_.begin();
    auto const last = first + static_cast<std::ptrdiff_t>(std::min(count, waiting_.size()));
    return std::any_of(first, last, [](handle const& it) { return !it.is_open(); });
}

boost::system::error_code frame_input::check(frame_header const& header) const
{
    if (header.length > frame_bytes_max_ || header.flags != 0 || header.sequence != sequence_)
        return error::bad_frame;
    if (header.fd_count > handles_max)
        return error::wrong_handles;
    if (waiting_.size() < header.fd_count && !lost_among(header.fd_count))
        return error::wrong_handles;
    return {};
}

void frame_input::claim(std::size_t count, incoming& into)
{
    into.handles.resize(count);
    if (lost_among(count)) {
        into.handles_lost = true;
        while (waiting_.front().is_open()) // the part that made it is of no use alone
            waiting_.pop_front();
        waiting_.pop_front();
        return;
    }
    for (handle& to : into.handles) {
        to = std::move(waiting_.front());
        waiting_.pop_front();
    }
}

std::optional<incoming> frame_input::next(boost::system::error_code& failed)
{
    failed = {};
    if (waiting_.size() > waiting_max || (at_border() && !waiting_.empty())) {
        failed = error::wrong_handles;
        return std::nullopt;
    }
    if (unread().size() < header_bytes)
        return std::nullopt;
    frame_header const header = load(unread());
    failed = check(header);
    if (failed || unread().size() - header_bytes < header.length)
        return std::nullopt;

    incoming out;
    out.what.type = header.type;
    out.what.body.assign(unread().data() + header_bytes, header.length);
    claim(header.fd_count, out);
    begin_ += header_bytes + header.length;
    ++sequence_;
    return out;
}

void frame_input::clear()
{
    waiting_.clear();
    buffer_ = {};
    begin_ = end_ = 0;
}

} // namespace covey::protocol::detail
