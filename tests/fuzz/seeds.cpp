// fuzz_seeds FOLDER: writes a first corpus into FOLDER/<target>: every message there is, right and
// nearly right, in the form each target reads (the head of its file tells it). Run it again when a
// message is added; docs/internals/testing.md tells how its output is merged into the corpus.
#include <algorithm>
#include <boost/mp11/algorithm.hpp>
#include <covey/protocol/codec.hpp>
#include <covey/protocol/detail/frame_header.hpp>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using namespace covey::protocol;

namespace {

class folder
{
  public:
    folder(std::filesystem::path const& root, std::string const& target)
        : path_{root / target}
    {
        std::filesystem::create_directories(path_);
    }
    void add(std::string_view input)
    {
        auto const name = path_ / ("seed-" + std::to_string(count_++));
        std::ofstream{name, std::ios::binary}.write(input.data(),
                                                    static_cast<std::streamsize>(input.size()));
    }

  private:
    std::filesystem::path path_;
    int count_ = 0;
};

std::string number(std::uint16_t value)
{
    return {static_cast<char>(value & 0xff), static_cast<char>(value >> 8)};
}

std::string image(frame const& of, std::uint32_t sequence, std::uint32_t handles)
{
    auto const header =
        detail::store({static_cast<std::uint32_t>(of.body.size()), of.type, 0, sequence, handles});
    return std::string{header.begin(), header.end()} + of.body;
}

// Every message of both directions, empty, and the same with something in it.
std::vector<frame> all_messages()
{
    std::vector<frame> all;
    auto const add = [&]<class Direction>(std::type_identity<Direction>) {
        boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, Direction>>(
            [&](auto of) {
                all.push_back(encode(Direction{typename decltype(of)::type{}}));
                auto& body = all.emplace_back(all.back()).body;
                std::replace(body.begin() + 1, body.end(), '\0', '\x7f');
            });
    };
    add(std::type_identity<from_master>{});
    add(std::type_identity<from_worker>{});
    add(std::type_identity<from_tool>{});
    add(std::type_identity<to_tool>{});
    all.push_back(encode(from_worker{change{7, 1, 1ull << 40, {1, 2, 3}, {4, 5}}}));
    all.push_back(encode(from_worker{hello{1, -1}}));
    return all;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::fputs("usage: fuzz_seeds FOLDER\n", stderr);
        return 2;
    }
    folder codec{argv[1], "codec"}, frames{argv[1], "frames"}, ancillary{argv[1], "ancillary"};
    auto const all = all_messages();

    std::string stream;
    std::uint32_t sequence = 0;
    for (frame const& each : all) {
        for (char const handles : {0, 1})
            codec.add(number(each.type) + handles + each.body);
        frames.add('\0' + image(each, 0, 0)); // one read
        stream += image(each, sequence++, 0);
    }
    frames.add('\0' + stream);
    frames.add('\x02' + number(7) + '\0' + number(30) + '\0' + stream); // cut twice
    for (char const lost : {'\0', '\x80'}) {                            // with handles
        char const beside = static_cast<char>(2 | lost);
        frames.add('\x02' + number(9) + beside + number(9) + '\1' + image(all[0], 0, 2) +
                   image(all[1], 1, 1));
    }

    // say a frame of 5 bytes, type 7, with 3 handles of every kind, cut behind 4 and 9 bytes
    std::string const right = '\0' + number(5) + number(7) + '\3';
    std::string const cut = '\3' + number(9);
    for (char const kind : {0, 1, 2, 3, 4}) {
        auto const say = right + kind + cut;
        ancillary.add(say + say + '\5');                    // twice, then the loop
        ancillary.add(say + '\7' + number(1) + say + '\5'); // into a table with room for one
        ancillary.add(say + "\x0b" + '\0');                 // then gone
    }
    for (char const wrong : {1, 2, 4, 8}) // a header with a wrong field, and 66 handles
        ancillary.add(std::string{'\3', wrong, '\5'} + number(7) + '\1' + number(9) + number(0) +
                      '\5' + '\xcb' + '\0' + '\5');
    std::string const send = '\x08' + number(60'000) + number(0) + '\2' + number(9);
    std::string const read = '\x09' + number(50'000) + '\1';
    ancillary.add(send + send + send + read + '\5' + read + '\5' + read); // fills and drains
    ancillary.add(send + "\x0a" + number(0) + send + right + '\0' + cut + '\5');
    ancillary.add('\2' + number(0x93e0) + number(4) + number(7) + '\1' + '\0' + cut + '\5');
    return 0;
}
