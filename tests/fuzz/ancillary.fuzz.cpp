// Descriptors on a real socket pair. The input is what a peer does: frames right and wrong, cut
// anywhere, with any number of descriptors of any kind beside any byte, into a table that may have
// no room for them; reading or not, half-closing, going away; while the channel sends to it as
// well.
//
// Held to: every frame that comes out is the next one of what was said, with as many handles as it
// declares, in the order in which they were sent, all open or all lost; who only said what is right
// is heard to the end; and after every input as many descriptors are open as before.
#include "peer.hpp"
#include "script.hpp"

#include <boost/asio/io_context.hpp>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/detail/frame_output.hpp>
#include <optional>
#include <string>
#include <vector>

using namespace covey;
using namespace covey::protocol;
using covey::fuzz::claim;

namespace {

constexpr channel_limits limits{.queued_bytes_max = 64 << 10, .frame_bytes_max = 300'000};
constexpr std::size_t said_bytes_max =
    1 << 20; // in one input: enough for three frames of the largest

class conversation
{
  public:
    explicit conversation(fuzz::script input)
        : input_{input}
        , peer_{std::move(ends_.first)}
    {
        channel_.emplace(loop_.get_executor(), std::move(ends_.second), limits);
        receive();
    }

    void run()
    {
        while (!input_.empty() && channel_ && peer_.said_bytes() < said_bytes_max)
            step();
        if (channel_ && !is_over_)
            part();
    }

  private:
    void step()
    {
        switch (input_.byte() % 12) {
        case 0:
        case 1:
            return say_frame(input_.below(600));
        case 2:
            return say_frame(input_.word() % (limits.frame_bytes_max + 10));
        case 3:
            return say_header();
        case 4:
            return say_anything(input_.bytes(input_.byte()));
        case 5:
        case 6:
            loop_.poll();
            return;
        case 7: { // the table is full, or nearly, for a while
            peer_.table_was_full = true;
            fuzz::table_limit const limit{input_.below(4)};
            loop_.poll();
            return;
        }
        case 8:
            return answer();
        case 9: {
            std::size_t const bytes = 1 + input_.number();
            return peer_.read(bytes, input_.byte());
        }
        case 10:
            return peer_.shut(static_cast<int>(input_.below(3)));
        default:
            return end(input_.byte());
        }
    }

    // A frame as it should be, in up to three pieces with the loop at work between them.
    void say_frame(std::size_t size)
    {
        auto const type = input_.number();
        auto const handles = static_cast<std::uint32_t>(std::min(count(), handles_max));
        auto const kind = fuzz::kind_of(input_.byte());
        std::size_t const first = 1 + input_.byte() % 40;
        std::size_t const second = input_.number();
        auto const frame = fuzz::image(
            {static_cast<std::uint32_t>(size), type, 0, peer_.next_sequence(), handles}, size);
        peer_.is_honest = peer_.is_honest && size <= limits.frame_bytes_max;

        std::string_view left{frame};
        std::size_t beside = handles;
        for (std::size_t const most : {first, second, frame.size()}) {
            auto const piece = left.substr(0, most);
            left.remove_prefix(piece.size());
            speak(piece, std::exchange(beside, 0), kind);
            if (most % 2 != 0)
                loop_.poll();
        }
    }

    // All of it, though the socket's buffer be full: then the channel reads.
    void speak(std::string_view piece, std::size_t handles, fuzz::kind kind)
    {
        for (int tries = 0; !piece.empty() && tries < 5; ++tries) {
            auto const taken = peer_.say(piece, handles, kind);
            piece.remove_prefix(taken);
            if (taken > 0)
                handles = 0;
            if (!piece.empty())
                loop_.poll();
        }
        peer_.is_honest = peer_.is_honest && piece.empty();
    }

    // Mostly few, for each costs a system call or two; up to as many as the kernel carries.
    std::size_t count()
    {
        std::size_t const many = input_.byte();
        return many < 200 ? many % 4 : 56 + (many - 200) * 197 / 55;
    }

    // A header with some of its fields wrong.
    void say_header()
    {
        auto const wrong = input_.byte();
        detail::frame_header header{input_.byte(), input_.number(), 0, 0, input_.byte()};
        header.sequence = (wrong & 1) != 0 ? input_.word() : peer_.next_sequence();
        if ((wrong & 2) != 0)
            header.length = input_.word();
        if ((wrong & 4) != 0)
            header.flags = input_.number();
        if ((wrong & 8) != 0)
            header.fd_count = input_.word();
        say_anything(fuzz::image(header, input_.byte()));
    }

    void say_anything(std::string_view bytes)
    {
        peer_.is_honest = false;
        std::size_t const handles = count();
        peer_.say(bytes, handles, fuzz::kind_of(input_.byte()));
    }

    void answer()
    {
        std::size_t const size = input_.word() % (limits.frame_bytes_max + 10);
        std::size_t const handles = count();
        frame const out{input_.number(), std::string(size, 'a')};
        auto const status =
            channel_->send(out, fuzz::make_handles(handles, fuzz::kind::numbered, 1));
        bool const is_too_much = size > limits.frame_bytes_max || handles > handles_max;
        claim(status == send_status::closed || (status == send_status::invalid) == is_too_much,
              "what breaks a limit is invalid, and nothing else is");
        claim(channel_->queued_bytes() <=
                  limits.frame_bytes_max + header_bytes + detail::frame_weight,
              "the queue is bounded");
        // Closed may also be the answer to a frame of which the first bytes have left.
        if (status == send_status::sent || status == send_status::queued ||
            (status == send_status::closed && !is_too_much))
            peer_.will_be_told(out, handles);
    }

    void end(std::uint8_t how)
    {
        switch (how % 4) {
        case 0:
            peer_.close();
            return;
        case 1:
            channel_->close();
            is_over_ = true;
            return;
        case 2: // nobody hears the end
            channel_.reset();
            return;
        default:
            loop_.poll();
            peer_.close();
            return;
        }
    }

    void receive()
    {
        channel_->async_receive(
            [this](boost::system::error_code failed, frame got, std::vector<handle> handles) {
                if (failed && failed != error::handles_lost) {
                    ended_ = failed;
                    return;
                }
                peer_.was_heard(got, handles, failed == error::handles_lost);
                if (channel_)
                    receive();
            });
    }

    // The peer goes: now the channel must end too, and whoever was honest has been heard.
    void part()
    {
        peer_.close();
        do // a local socket is ready at once, or never
            loop_.restart();
        while (loop_.poll() > 0 && !ended_);
        if (!ended_ && peer_.has_passed_itself)
            return;
        claim(ended_.has_value(), "a channel without a peer ends");
        claim(!channel_->is_open(), "what has ended is not open");
        claim(*ended_ == error::closed || !peer_.is_honest, "who is honest is not ended for it");
        claim(*ended_ != error::closed || peer_.was_heard_out(), "closed means that all was heard");
    }

    fuzz::script input_;
    std::pair<handle, handle> ends_ = make_socket_pair();
    net::io_context loop_{1};
    fuzz::peer peer_;
    std::optional<frame_channel> channel_;
    std::optional<boost::system::error_code> ended_;
    bool is_over_ = false;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::table const table; // of now: libFuzzer opens and closes files between inputs
    conversation{fuzz::script{data, size}}.run();
    claim(table.is_as_before(), "every descriptor is closed again");
    return 0;
}
