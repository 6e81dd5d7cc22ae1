#include "datum_codec.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/endian/conversion.hpp>
#include <exception>
#include <msgpack.hpp>
#include <string>
#include <variant>

namespace covey::protocol {

namespace {

using raw_bytes = std::vector<unsigned char>;

// ---- packing ---------------------------------------------------------------------------------

struct byte_sink
{
    raw_bytes& out;
    void write(char const* data, std::size_t size) { out.insert(out.end(), data, data + size); }
};

// Visits a datum; false when it is too deep.
class packing
{
  public:
    explicit packing(raw_bytes& out)
        : sink_{out}
        , to_{sink_}
    {}

    bool pack(datum const& value) { return value.visit(*this); }

    bool operator()(std::monostate)
    {
        to_.pack_nil();
        return true;
    }
    bool operator()(bool value)
    {
        value ? to_.pack_true() : to_.pack_false();
        return true;
    }
    bool operator()(std::int64_t value)
    {
        to_.pack_int64(value);
        return true;
    }
    bool operator()(std::uint64_t value)
    {
        to_.pack_uint64(value);
        return true;
    }
    bool operator()(double value)
    {
        // msgpack's own packer makes an integer of a double that is one; here it stays what it was.
        std::array<unsigned char, 9> image{0xcb};
        boost::endian::store_big_u64(&image[1], std::bit_cast<std::uint64_t>(value));
        sink_.write(reinterpret_cast<char const*>(image.data()), image.size());
        return true;
    }
    bool operator()(std::string const& value)
    {
        to_.pack_str(length(value));
        to_.pack_str_body(value.data(), length(value));
        return true;
    }
    bool operator()(datum::bytes const& value)
    {
        to_.pack_bin(length(value));
        to_.pack_bin_body(reinterpret_cast<char const*>(value.data()), length(value));
        return true;
    }
    bool operator()(datum::extension const& value)
    {
        to_.pack_ext(value.content.size(), value.type);
        to_.pack_ext_body(reinterpret_cast<char const*>(value.content.data()),
                          length(value.content));
        return true;
    }
    bool operator()(datum::array const& items)
    {
        to_.pack_array(length(items));
        return nested([&] {
            return std::all_of(items.begin(), items.end(),
                               [this](datum const& item) { return pack(item); });
        });
    }
    bool operator()(datum::map const& members)
    {
        to_.pack_map(length(members));
        return nested([&] {
            return std::all_of(members.begin(), members.end(), [this](datum::member const& it) {
                return pack(it.first) && pack(it.second);
            });
        });
    }

  private:
    // Above 4 GiB this is wrong, and the frame refused for its size.
    static std::uint32_t length(auto const& of) { return static_cast<std::uint32_t>(of.size()); }

    template <class Pack>
    bool nested(Pack pack_all)
    {
        if (++depth_ > datum_depth_max)
            return false;
        bool const fits = pack_all();
        --depth_;
        return fits;
    }

    byte_sink sink_;
    msgpack::packer<byte_sink> to_;
    std::size_t depth_ = 0;
};

// ---- unpacking -------------------------------------------------------------------------------

// What msgpack's parser calls; it keeps a stack of its own instead of recursing. A false stops it.
class building : public msgpack::null_visitor
{
  public:
    explicit building(std::size_t bytes)
        : bytes_{bytes}
    {}

    datum result;
    bool is_whole() const { return is_whole_; }

    bool visit_nil() { return add({}); }
    bool visit_boolean(bool value) { return add(value); }
    bool visit_positive_integer(std::uint64_t value) { return add(value); }
    bool visit_negative_integer(std::int64_t value) { return add(value); }
    bool visit_float32(float value) { return add(value); }
    bool visit_float64(double value) { return add(value); }
    bool visit_str(char const* data, std::uint32_t size) { return add(std::string(data, size)); }
    bool visit_bin(char const* data, std::uint32_t size)
    {
        return add(datum::bytes(data, data + size));
    }
    bool visit_ext(char const* data, std::uint32_t size) // `data` begins with the type
    {
        return add(datum::extension{static_cast<std::int8_t>(data[0]),
                                    datum::bytes(data + 1, data + size)});
    }

    bool start_array(std::uint32_t count) { return open(count, false); }
    bool end_array()
    {
        auto items = std::move(open_.back().items);
        open_.pop_back();
        return add(std::move(items));
    }
    bool start_map(std::uint32_t count) { return open(count, true); }
    bool end_map()
    {
        auto members = std::move(open_.back().members);
        open_.pop_back();
        return add(std::move(members));
    }

  private:
    struct container
    {
        bool is_map = false;
        bool has_key = false;
        datum key;
        datum::array items;
        datum::map members;
    };

    // Every item takes a byte at least, so no honest count is above what is here to parse. Memory
    // is taken as the items come.
    bool open(std::uint32_t count, bool is_map)
    {
        if (count > bytes_ || open_.size() >= datum_depth_max)
            return false;
        open_.emplace_back().is_map = is_map;
        return true;
    }

    bool add(datum value)
    {
        if (open_.empty()) {
            result = std::move(value);
            is_whole_ = true;
            return true;
        }
        container& into = open_.back();
        if (!into.is_map) {
            into.items.push_back(std::move(value));
        } else if (!std::exchange(into.has_key, !into.has_key)) {
            into.key = std::move(value);
        } else {
            into.members.emplace_back(std::move(into.key), std::move(value));
        }
        return true;
    }

    std::size_t bytes_;
    std::vector<container> open_;
    bool is_whole_ = false;
};

} // namespace

std::optional<std::vector<unsigned char>> encode_datum(datum const& value)
{
    raw_bytes out;
    if (!packing{out}.pack(value))
        return std::nullopt;
    return out;
}

std::optional<datum> decode_datum(std::span<unsigned char const> from) noexcept
{
    try {
        building to{from.size()};
        std::size_t end = 0;
        bool const parsed =
            msgpack::parse(reinterpret_cast<char const*>(from.data()), from.size(), end, to);
        if (!parsed || !to.is_whole() || end != from.size())
            return std::nullopt;
        return std::move(to.result);
    } catch (std::exception const&) { // bad_alloc
        return std::nullopt;
    }
}

} // namespace covey::protocol
