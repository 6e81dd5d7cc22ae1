#include "harness_notes.hpp"

#include "harness_fail.hpp"

#include <cstddef>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

void write_all(handle const& to, std::vector<std::int64_t> const& words)
{
    auto const* next = reinterpret_cast<char const*>(words.data());
    auto left = words.size() * sizeof words[0];
    while (left > 0) {
        auto const wrote = ::write(to.get(), next, left);
        if (wrote < 0)
            fail("write the notes");
        next += wrote;
        left -= static_cast<std::size_t>(wrote);
    }
}

std::vector<std::int64_t> read_all(handle const& from)
{
    std::vector<std::int64_t> out;
    std::size_t bytes = 0;
    for (;;) {
        out.resize(bytes / sizeof out[0] + 8'192);
        auto const got = ::read(from.get(), reinterpret_cast<char*>(out.data()) + bytes,
                                out.size() * sizeof out[0] - bytes);
        if (got < 0)
            fail("read the notes");
        if (got == 0)
            break;
        bytes += static_cast<std::size_t>(got);
    }
    out.resize(bytes / sizeof out[0]);
    return out;
}

} // namespace

noting_child::ends noting_child::make_pipe()
{
    int both[2];
    if (::pipe2(both, O_CLOEXEC) != 0)
        fail("pipe");
    return {handle{both[0]}, handle{both[1]}};
}

noting_child::noting_child(std::function<std::vector<std::int64_t>()> const& body)
    : noting_child{make_pipe(), body}
{}

noting_child::noting_child(ends pipe, std::function<std::vector<std::int64_t>()> const& body)
    : notes_{std::move(pipe.to_read)}
    , process_{[&] { write_all(pipe.to_write, body()); }}
{}

std::vector<std::int64_t> noting_child::take(std::chrono::milliseconds patience_at_the_end)
{
    auto out = read_all(notes_);
    process_.wait(patience_at_the_end);
    return out;
}

} // namespace covey::bench
