#include "snapshot_entry.hpp"

#include <array>
#include <bit>
#include <boost/endian/conversion.hpp>
#include <msgpack.hpp>
#include <stdexcept>

namespace covey::shm {

namespace {

constexpr std::int8_t enumerator_type = 1; // of msgpack's extensions
constexpr int depth_max = 40;              // types nest to 32 (row_type_parse.cpp)

std::uint32_t length(auto const& of)
{
    return static_cast<std::uint32_t>(of.size());
}

struct byte_sink
{
    std::string& out;
    void write(char const* data, std::size_t size) { out.append(data, size); }
};

struct packing
{
    byte_sink& out;
    msgpack::packer<byte_sink> to{out};

    void operator()(std::monostate) { to.pack_nil(); }
    void operator()(bool value) { to.pack(value); }
    void operator()(std::int64_t value) { to.pack(value); }
    void operator()(std::uint64_t value) { to.pack(value); }
    void operator()(double value)
    {
        // msgpack's own packer makes an integer of a double that is one; here it stays what it was.
        std::array<unsigned char, 9> image{0xcb};
        boost::endian::store_big_u64(&image[1], std::bit_cast<std::uint64_t>(value));
        out.write(reinterpret_cast<char const*>(image.data()), image.size());
    }
    void operator()(std::string const& value) { to.pack(value); }
    void operator()(row_value::bytes const& value)
    {
        to.pack_bin(length(value));
        to.pack_bin_body(reinterpret_cast<char const*>(value.data()), length(value));
    }
    void operator()(row_value::enumerator const& value)
    {
        std::array<unsigned char, 8> number;
        boost::endian::store_big_s64(number.data(), value.number);
        to.pack_ext(number.size() + value.name.size(), enumerator_type);
        to.pack_ext_body(reinterpret_cast<char const*>(number.data()), number.size());
        to.pack_ext_body(value.name.data(), length(value.name));
    }
    void operator()(row_value::list const& values)
    {
        to.pack_array(length(values));
        for (auto const& value : values)
            std::visit(*this, value.content);
    }
    void operator()(row_value::structure const& members)
    {
        to.pack_map(length(members));
        for (auto const& [name, value] : members) {
            to.pack(name);
            std::visit(*this, value.content);
        }
    }
};

[[noreturn]] void refuse()
{
    throw std::runtime_error{"an entry is none"};
}

row_value value_in(msgpack::object const& packed, int depth)
{
    if (depth == depth_max)
        refuse();
    auto const& via = packed.via;
    switch (packed.type) {
    case msgpack::type::NIL:
        return {};
    case msgpack::type::BOOLEAN:
        return {via.boolean};
    case msgpack::type::POSITIVE_INTEGER:
        return row_value::of(via.u64);
    case msgpack::type::NEGATIVE_INTEGER:
        return {via.i64};
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
        return {via.f64};
    case msgpack::type::STR:
        return {std::string{via.str.ptr, via.str.size}};
    case msgpack::type::BIN: {
        auto const* const bytes = reinterpret_cast<std::byte const*>(via.bin.ptr);
        return {row_value::bytes{bytes, bytes + via.bin.size}};
    }
    case msgpack::type::EXT: {
        if (via.ext.type() != enumerator_type || via.ext.size < 8)
            refuse();
        auto const* const number = reinterpret_cast<unsigned char const*>(via.ext.data());
        return {row_value::enumerator{.name = {via.ext.data() + 8, via.ext.size - 8},
                                      .number = boost::endian::load_big_s64(number)}};
    }
    case msgpack::type::ARRAY: {
        row_value::list out;
        for (std::uint32_t i = 0; i != via.array.size; ++i)
            out.push_back(value_in(via.array.ptr[i], depth + 1));
        return {std::move(out)};
    }
    case msgpack::type::MAP: {
        row_value::structure out;
        for (std::uint32_t i = 0; i != via.map.size; ++i) {
            auto const& name = via.map.ptr[i].key;
            if (name.type != msgpack::type::STR)
                refuse();
            out.emplace_back(std::string{name.via.str.ptr, name.via.str.size},
                             value_in(via.map.ptr[i].val, depth + 1));
        }
        return {std::move(out)};
    }
    }
    refuse();
}

} // namespace

void pack(std::string& out, snapshot_entry const& entry)
{
    byte_sink sink{out};
    packing to{sink};
    to.to.pack_array(4);
    std::visit(to, entry.key.content);
    std::visit(to, entry.row.content);
    to.to.pack(entry.revision);
    if (entry.lives)
        to.to.pack(entry.lives->count());
    else
        to.to.pack_nil();
}

snapshot_entry unpack(std::string_view packed, std::size_t& at)
{
    try {
        auto const unpacked = msgpack::unpack(packed.data(), packed.size(), at);
        auto const& whole = unpacked.get();
        if (whole.type != msgpack::type::ARRAY || whole.via.array.size != 4)
            refuse();
        auto const* const items = whole.via.array.ptr;
        snapshot_entry out{.key = value_in(items[0], 0),
                           .row = value_in(items[1], 0),
                           .revision = items[2].as<std::uint64_t>()};
        if (!items[3].is_nil())
            out.lives = std::chrono::nanoseconds{items[3].as<std::int64_t>()};
        return out;
    } catch (msgpack::unpack_error const&) {
        refuse();
    } catch (msgpack::type_error const&) {
        refuse();
    }
}

} // namespace covey::shm
