// A message's body, in every direction: it is understood or refused, never thrown at anybody; and
// what was understood can be said again, in no more bytes.
//
//   u16 type, u8 handles, the body
#include "script.hpp"

#include <covey/protocol/codec.hpp>
#include <covey/protocol/error.hpp>
#include <string>

using namespace covey::protocol;
using covey::fuzz::claim;

namespace {

template <class Direction>
void hear(frame const& in, std::size_t handles)
{
    Direction out;
    auto const failed = decode(in, handles, out);
    if (failed) {
        claim(failed == error::unknown_message || failed == error::bad_message ||
                  failed == error::wrong_handles,
              "a refusal has one of three reasons");
        claim(out.index() == 0, "a refused message changes nothing");
        return;
    }
    frame const again = encode(out);
    claim(again.type == in.type, "a message keeps its type");
    claim(again.body.size() <= in.body.size(), "ours is the shortest form");
    Direction twice;
    claim(!decode(again, handles, twice), "what was understood can be said again");
    claim(encode(twice).body == again.body, "and means the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    covey::fuzz::script input{data, size};
    auto const type = input.number();
    auto const handles = input.byte();
    frame const in{type, std::string{input.rest()}};
    hear<from_master>(in, handles);
    hear<from_worker>(in, handles);
    hear<from_tool>(in, handles);
    hear<to_tool>(in, handles);
    return 0;
}
