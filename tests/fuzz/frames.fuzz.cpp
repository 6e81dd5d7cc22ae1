// The frame parser in memory, and the codec behind it: a stream of bytes cut into reads, with
// handles beside some of them. Frames come out as they would of one read, each with as many handles
// as it declares, in the order in which they came; what is held ahead is bounded.
//
// The handles are numbers that no table has, so that nothing but their order is at stake here;
// ancillary.fuzz.cpp passes real ones.
//
//   u8 count of reads (modulo 16), for each: u16 bytes, u8 handles (bit 7: some were lost);
//   then the stream
#include "script.hpp"

#include <covey/protocol/detail/frame_input.hpp>
#include <covey/protocol/error.hpp>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

using namespace covey;
using namespace covey::protocol;
using covey::fuzz::claim;

namespace {

constexpr std::size_t frame_max = 4'096;
constexpr int first_number = 1 << 30;

struct one_read
{
    std::string_view bytes;
    std::size_t handles = 0;
    bool lost = false;
};

struct heard
{
    std::vector<frame> frames;
    boost::system::error_code ended;
    bool operator==(heard const& other) const
    {
        bool same = ended == other.ended && frames.size() == other.frames.size();
        for (std::size_t at = 0; same && at < frames.size(); ++at)
            same = frames[at].type == other.frames[at].type &&
                   frames[at].body == other.frames[at].body;
        return same;
    }
};

class receiver
{
  public:
    // False when the input has ended.
    bool take(one_read const& what)
    {
        for (std::size_t number = 0; number < what.handles; ++number)
            arrived_.emplace_back(sent_++);
        lost_any_ = lost_any_ || what.lost;
        auto left = what.bytes;
        bool lost = what.lost;
        do { // a read brings no more than there is space for; the handles come with its first byte
            auto const space = input_.space();
            claim(!space.empty(), "there is space for a read");
            claim(space.size() <= frame_max + (512 << 10), "no more than a read is held ahead");
            auto const size = std::min(space.size(), left.size());
            std::memcpy(space.data(), left.data(), size);
            left.remove_prefix(size);
            input_.arrived(size, arrived_, std::exchange(lost, false));
            while (auto next = input_.next(all_.ended))
                check(std::move(*next));
        } while (!all_.ended && !left.empty());
        return !all_.ended;
    }
    heard const& result() const { return all_; }
    void clear() { input_.clear(); }

  private:
    void check(detail::incoming got)
    {
        claim(got.what.body.size() <= frame_max, "a frame keeps the limit");
        claim(got.handles.size() <= handles_max, "a frame has no more handles than it may");
        claim(!got.handles_lost || lost_any_, "handles are lost only when some were");
        for (handle const& each : got.handles) {
            claim(each.is_open() != got.handles_lost, "handles are all here or all lost");
            if (got.handles_lost)
                continue;
            claim(each.get() > last_claimed_, "handles are claimed in their order");
            claim(lost_any_ || each.get() == last_claimed_ + 1, "and none is left out");
            last_claimed_ = each.get();
        }
        from_master master;
        from_worker worker;
        static_cast<void>(decode(got.what, got.handles.size(), master));
        static_cast<void>(decode(got.what, got.handles.size(), worker));
        all_.frames.push_back(std::move(got.what));
    }

    detail::frame_input input_{frame_max};
    std::vector<handle> arrived_;
    heard all_;
    int sent_ = first_number;
    int last_claimed_ = first_number - 1;
    bool lost_any_ = false;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::script input{data, size};
    std::vector<one_read> reads(input.byte() % 16 + 1);
    std::vector<std::size_t> sizes;
    bool plain = true;
    for (std::size_t at = 0; at + 1 < reads.size(); ++at) {
        sizes.push_back(input.number());
        auto const beside = input.byte();
        reads[at].handles = beside & 0x7f;
        reads[at].lost = (beside & 0x80) != 0;
        plain = plain && beside == 0;
    }
    for (std::size_t at = 0; at + 1 < reads.size(); ++at)
        reads[at].bytes = input.bytes(sizes[at]);
    reads.back().bytes = input.rest();
    std::erase_if(reads, [](one_read const& it) { return it.bytes.empty(); }); // no byte, no handle

    receiver cut;
    for (one_read const& each : reads)
        if (!cut.take(each))
            break;
    if (plain) {
        receiver whole;
        std::string all;
        for (one_read const& each : reads)
            all += each.bytes;
        if (!all.empty())
            whole.take({all});
        claim(whole.result() == cut.result(), "where the bytes are cut makes no difference");
    }
    cut.clear();
    return 0;
}
