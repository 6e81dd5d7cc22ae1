#include "frame_output.hpp"

#include "ancillary.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace covey::protocol::detail {

namespace {

constexpr std::size_t pieces_max = 64; // two a frame; well below IOV_MAX, 1024

} // namespace

void frame_output::push(frame what, std::vector<shared_handle> handles, lane in)
{
    outgoing next;
    next.about = {static_cast<std::uint32_t>(what.body.size()), what.type, 0, 0,
                  static_cast<std::uint32_t>(handles.size())};
    next.in = in;
    next.body = std::move(what.body);
    next.handles = std::move(handles);
    bytes_[static_cast<std::size_t>(in)] += next.size() + frame_weight;
    if (in == lane::data) {
        queue_.push_back(std::move(next));
        return;
    }
    bool const data_has_begun =
        !queue_.empty() && queue_.front().in == lane::data && queue_.front().written > 0;
    auto const behind = of_the_house_ + (data_has_begun ? 1 : 0);
    queue_.insert(queue_.begin() + static_cast<std::ptrdiff_t>(behind), std::move(next));
    ++of_the_house_;
}

boost::system::error_code frame_output::flush(int socket)
{
    boost::system::error_code failed;
    while (!queue_.empty() && !failed)
        failed = write_some(socket);
    return failed;
}

// One system call: what is left of the first frame, and behind it frames without handles.
boost::system::error_code frame_output::write_some(int socket)
{
    std::array<iovec, pieces_max> pieces;
    std::size_t count = 0;
    auto const add = [&](void const* data, std::size_t size, std::size_t& skip) {
        std::size_t const skipped = std::min(skip, size);
        skip -= skipped;
        if (size > skipped)
            pieces[count++] = {static_cast<char*>(const_cast<void*>(data)) + skipped,
                               size - skipped};
    };
    std::uint32_t sequence = sequence_;
    for (outgoing& next : queue_) {
        bool const first = &next == &queue_.front();
        if (count + 2 > pieces.size() || (!first && !next.handles.empty()))
            break;
        if (next.written == 0) { // the number is final when a byte of it has left
            next.about.sequence = sequence++;
            next.header = store(next.about);
        }
        std::size_t skip = next.written;
        add(next.header.data(), next.header.size(), skip);
        add(next.body.data(), next.body.size(), skip);
    }
    sent const result = send_with_handles(socket, {pieces.data(), count}, queue_.front().handles);
    if (!result.failed)
        written(result.bytes);
    return result.failed;
}

void frame_output::written(std::size_t bytes)
{
    queue_.front().handles.clear();
    while (bytes > 0) {
        outgoing& first = queue_.front();
        std::size_t const part = std::min(bytes, first.size() - first.written);
        if (std::exchange(first.written, first.written + part) == 0)
            ++sequence_;
        bytes_[static_cast<std::size_t>(first.in)] -= part;
        bytes -= part;
        if (first.written == first.size()) {
            bytes_[static_cast<std::size_t>(first.in)] -= frame_weight;
            of_the_house_ -= first.in == lane::house ? 1 : 0;
            queue_.pop_front();
        }
    }
}

void frame_output::clear()
{
    queue_.clear();
    of_the_house_ = 0;
    bytes_ = {};
}

} // namespace covey::protocol::detail
