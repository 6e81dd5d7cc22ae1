#include "codec.hpp"

#include "error.hpp"

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>
#include <concepts>
#include <exception>
#include <limits>
#include <msgpack.hpp>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace covey::protocol {

namespace {

using boost::system::error_code;
using bytes = std::vector<unsigned char>;

template <class Message>
using members_of = boost::describe::describe_members<Message, boost::describe::mod_public>;

template <class Message>
inline constexpr std::size_t member_count = boost::mp11::mp_size<members_of<Message>>::value;

// How many handles travel beside a message.
struct handle_rule
{
    std::size_t least = 0;
    std::size_t most = 0;
};
template <class Message>
inline constexpr handle_rule handles_of{};
template <>
inline constexpr handle_rule handles_of<welcome>{1, 2};
template <>
inline constexpr handle_rule handles_of<doorbells>{1, handles_max};
template <>
inline constexpr handle_rule handles_of<listener>{0, 1};
template <>
inline constexpr handle_rule handles_of<begin>{0, 1};
template <>
inline constexpr handle_rule handles_of<connection>{1, handles_max};
template <>
inline constexpr handle_rule handles_of<talk>{0, handles_max};
template <>
inline constexpr handle_rule handles_of<control::segment>{1, 1};

// ---- packing ---------------------------------------------------------------------------------

struct string_sink
{
    std::string& out;
    void write(char const* data, std::size_t size) { out.append(data, size); }
};
using packer = msgpack::packer<string_sink>;

void pack(packer& to, std::integral auto value)
{
    to.pack(value); // a bool as true or false
}

void pack(packer& to, std::string const& value)
{
    to.pack_str(static_cast<std::uint32_t>(value.size()));
    to.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
}

void pack(packer& to, bytes const& value)
{
    to.pack_bin(static_cast<std::uint32_t>(value.size()));
    to.pack_bin_body(reinterpret_cast<char const*>(value.data()),
                     static_cast<std::uint32_t>(value.size()));
}

template <class Message>
frame encode_one(Message const& message)
{
    frame out{Message::type, {}};
    string_sink sink{out.body};
    packer to{sink};
    to.pack_array(member_count<Message>);
    boost::mp11::mp_for_each<members_of<Message>>(
        [&](auto member) { pack(to, message.*member.pointer); });
    return out;
}

// ---- unpacking -------------------------------------------------------------------------------

template <std::unsigned_integral Integer>
requires(!std::same_as<Integer, bool>) bool unpack(msgpack::object const& from, Integer& into)
{
    if (from.type != msgpack::type::POSITIVE_INTEGER ||
        from.via.u64 > std::numeric_limits<Integer>::max())
        return false;
    into = static_cast<Integer>(from.via.u64);
    return true;
}

bool unpack(msgpack::object const& from, bool& into)
{
    into = from.type == msgpack::type::BOOLEAN && from.via.boolean;
    return from.type == msgpack::type::BOOLEAN;
}

bool unpack(msgpack::object const& from, std::int64_t& into)
{
    if (from.type == msgpack::type::NEGATIVE_INTEGER) {
        into = from.via.i64;
        return true;
    }
    std::uint64_t magnitude = 0;
    if (!unpack(from, magnitude) || magnitude > std::numeric_limits<std::int64_t>::max())
        return false;
    into = static_cast<std::int64_t>(magnitude);
    return true;
}

bool unpack(msgpack::object const& from, std::string& into)
{
    if (from.type != msgpack::type::STR)
        return false;
    into.assign(from.via.str.ptr, from.via.str.size);
    return true;
}

bool unpack(msgpack::object const& from, bytes& into)
{
    if (from.type != msgpack::type::BIN)
        return false;
    into.assign(from.via.bin.ptr, from.via.bin.ptr + from.via.bin.size);
    return true;
}

// One flat array of exactly the message's members and nothing behind it. The limits stop msgpack
// before it allocates: an array may not even claim more than the members, nothing nests, and
// strings and binaries stay in the body (the reference function says "do not copy").
template <class Message>
bool unpack_body(std::string const& body, Message& into)
{
    msgpack::unpack_limit const limits{member_count<Message>, 0, body.size(), body.size(), 0, 1};
    auto const keep_in_body = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    msgpack::object_handle parsed;
    std::size_t end = 0;
    bool referenced = false;
    msgpack::unpack(parsed, body.data(), body.size(), end, referenced, keep_in_body, nullptr,
                    limits);
    msgpack::object const& array = parsed.get();
    if (end != body.size() || array.type != msgpack::type::ARRAY ||
        array.via.array.size != member_count<Message>)
        return false;

    bool fits = true;
    [[maybe_unused]] msgpack::object const* next = array.via.array.ptr;
    boost::mp11::mp_for_each<members_of<Message>>(
        [&](auto member) { fits = fits && unpack(*next++, into.*member.pointer); });
    return fits;
}

template <class Message, class Variant>
error_code decode_one(frame const& in, std::size_t handles, Variant& out)
{
    if (handles < handles_of<Message>.least || handles > handles_of<Message>.most)
        return error::wrong_handles;
    try {
        Message message;
        if (!unpack_body(in.body, message))
            return error::bad_message;
        out = std::move(message);
        return {};
    } catch (std::exception const&) { // msgpack's parse and limit errors, and bad_alloc
        return error::bad_message;
    }
}

template <class Variant>
error_code decode_any(frame const& in, std::size_t handles, Variant& out)
{
    using candidates = boost::mp11::mp_transform<std::type_identity, Variant>;
    error_code result = error::unknown_message;
    boost::mp11::mp_for_each<candidates>([&](auto candidate) {
        using message = typename decltype(candidate)::type;
        if (message::type == in.type)
            result = decode_one<message>(in, handles, out);
    });
    return result;
}

lane lane_of_one(auto const&)
{
    return lane::house;
}

lane lane_of_one(change const&)
{
    return lane::data;
}

// Behind all that applications were told before it, so that they hear it.
lane lane_of_one(stop const&)
{
    return lane::data;
}

lane lane_of_one(talk const& said)
{
    switch (static_cast<talk_kind>(said.kind)) {
    case talk_kind::taken:
    case talk_kind::lost:
    case talk_kind::withdrawn:
    case talk_kind::credit:
        return lane::house;
    default:
        return lane::data;
    }
}

lane lane_of_any(auto const& message)
{
    return std::visit([](auto const& alternative) { return lane_of_one(alternative); }, message);
}

frame encode_any(auto const& message)
{
    return std::visit([](auto const& alternative) { return encode_one(alternative); }, message);
}

} // namespace

lane lane_of(from_master const& message)
{
    return lane_of_any(message);
}

lane lane_of(from_worker const& message)
{
    return lane_of_any(message);
}

lane lane_of(from_peer const& message)
{
    return lane_of_any(message);
}

lane lane_of(from_tool const& message)
{
    return lane_of_any(message);
}

lane lane_of(to_tool const& message)
{
    return lane_of_any(message);
}

frame encode(from_master const& message)
{
    return encode_any(message);
}

frame encode(from_worker const& message)
{
    return encode_any(message);
}

frame encode(from_peer const& message)
{
    return encode_any(message);
}

frame encode(from_tool const& message)
{
    return encode_any(message);
}

frame encode(to_tool const& message)
{
    return encode_any(message);
}

error_code decode(frame const& in, std::size_t handles, from_master& out)
{
    return decode_any(in, handles, out);
}

error_code decode(frame const& in, std::size_t handles, from_worker& out)
{
    return decode_any(in, handles, out);
}

error_code decode(frame const& in, std::size_t handles, from_peer& out)
{
    return decode_any(in, handles, out);
}

error_code decode(frame const& in, std::size_t handles, from_tool& out)
{
    return decode_any(in, handles, out);
}

error_code decode(frame const& in, std::size_t handles, to_tool& out)
{
    return decode_any(in, handles, out);
}

} // namespace covey::protocol
