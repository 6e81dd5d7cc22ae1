#include "captured_output.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <chrono>
#include <climits>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace covey::supervision {

namespace {

// Our standard error may be a file, which nothing can wait for: look again after this long.
constexpr std::chrono::milliseconds retry_after{20};

// A pipe that polls writable takes PIPE_BUF bytes without blocking (pipe(7)), and so does whatever
// else a standard error is.
bool takes_a_piece(int descriptor)
{
    pollfd one{descriptor, POLLOUT, 0};
    return ::poll(&one, 1, 0) == 1;
}

// What it does not take is lost to it: its reader has gone.
void write_all(int descriptor, std::string_view text)
{
    while (!text.empty()) {
        auto const written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

} // namespace

std::pair<handle, handle> captured_output::make_pipe()
{
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw boost::system::system_error{errno, boost::system::system_category(),
                                          "make a pipe for a worker's standard error"};
    std::pair<handle, handle> out{handle{ends[0]}, handle{ends[1]}};
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK); // ours only: a program expects to be made to wait
    return out;
}

captured_output::captured_output(net::any_io_executor executor, handle readable,
                                 std::function<void()> ended)
    : pipe_{executor}
    , retry_{executor}
    , ended_{std::move(ended)}
{
    pipe_.assign(readable.get()); // throws; until then the handle closes it
    static_cast<void>(readable.release());
}

void captured_output::start()
{
    wait();
}

void captured_output::close()
{
    ended_ = nullptr;
    boost::system::error_code ignored;
    pipe_.close(ignored);
    retry_.cancel();
}

void captured_output::wait()
{
    pipe_.async_wait(pipe_.wait_read,
                     [self = shared_from_this()](boost::system::error_code failed) {
                         if (failed || !self->pipe_.is_open())
                             return;
                         if (takes_a_piece(STDERR_FILENO)) {
                             self->read_some();
                             if (self->pipe_.is_open())
                                 self->wait();
                             return;
                         }
                         self->retry_.expires_after(retry_after);
                         self->retry_.async_wait([self](boost::system::error_code stopped) {
                             if (!stopped && self->pipe_.is_open())
                                 self->wait();
                         });
                     });
}

void captured_output::catch_up()
{
    // As much as a pipe holds: whoever else writes to it shall not keep us here.
    for (int pieces = 16; pieces > 0 && pipe_.is_open() && takes_a_piece(STDERR_FILENO); --pieces)
        if (!read_some())
            return;
}

bool captured_output::read_some()
{
    std::array<char, PIPE_BUF> space;
    auto const got = ::read(pipe_.native_handle(), space.data(), space.size());
    if (got > 0) {
        std::string_view const text{space.data(), static_cast<std::size_t>(got)};
        remember(text);
        write_all(STDERR_FILENO, text);
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    auto const told = std::exchange(ended_, nullptr);
    close();
    if (told)
        net::post(pipe_.get_executor(), told);
    return false;
}

void captured_output::remember(std::string_view text)
{
    words_.append(text);
    if (words_.size() > 2 * bytes_max)
        words_.erase(0, words_.size() - bytes_max);
}

std::string captured_output::last_words() const
{
    std::string_view all{words_};
    while (!all.empty() && all.back() == '\n')
        all.remove_suffix(1);
    auto begin = all.size() > bytes_max ? all.size() - bytes_max : 0;
    if (begin > 0) // not in the middle of a line, if one begins later
        if (auto const next = all.find('\n', begin); next != all.npos)
            begin = next + 1;
    auto from = all.size();
    for (std::size_t lines = 0; lines < lines_max && from > begin; ++lines) {
        auto const before = from == all.size() ? all.rfind('\n') : all.rfind('\n', from - 2);
        from = before == all.npos || before < begin ? begin : before + 1;
    }
    return std::string{all.substr(from)};
}

} // namespace covey::supervision
