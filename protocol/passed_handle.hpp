// passed_handle: a descriptor that travels beside a message, and what kind of thing it is.
//
//   worker.send("serve", {covey::pass(std::move(acceptor))});      // the worker's alone
//   for (auto& each : workers)
//       each.send("serve", {covey::keep_open(acceptor)});          // every one's, and still ours
//   ...
//   auto acceptor = said.handles[0].take<tcp::acceptor>(executor); // where it arrives
//
// Copies share one descriptor. Sending it gives it away: then it is empty in every copy, and to
// send it again is send_status::invalid; a send that was refused leaves it as it was. The kind is
// asked of the kernel at both ends, so what a sender claims it is, it is.
#pragma once

#include "handle.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace covey {

namespace net = boost::asio;

// The numbers are the wire's.
enum class handle_kind : std::uint8_t {
    tcp_listener = 1,
    tcp_connection = 2,
    unix_listener = 3,
    unix_connection = 4,
    udp = 5,
    pipe = 6, // either end
    fd = 7,   // anything else
};

std::string_view name(handle_kind kind);

// What the kernel says it is. An empty handle is an fd.
handle_kind kind_of(handle const& what) noexcept;

namespace detail {

// As socket(2) and fcntl(2) count.
struct descriptor_facts
{
    int family = -1; // of a socket
    int type = -1;
    bool is_listening = false;
    bool is_v6 = false;
    bool is_fifo = false;
    bool is_readable = false; // by the open file's access mode, as a pipe's two ends differ
    bool is_writable = false;
};
descriptor_facts facts_of(handle const& what) noexcept;

// What an Asio object's type says about it; the caller's own includes bring that type.
template <class Object>
concept asio_socket = requires
{
    typename Object::protocol_type;
};
template <class Object>
concept asio_listener = requires(Object object)
{
    object.listen();
};
template <class Object>
concept asio_reader = requires(Object object, net::mutable_buffer into)
{
    object.read_some(into);
};
template <class Object>
concept asio_writer = requires(Object object, net::const_buffer from)
{
    object.write_some(from);
};

// Gives `what` to `object` when it can be one; otherwise `failed` says why, and it stays.
template <class Object>
void adopt(Object& object, handle& what, boost::system::error_code& failed);

} // namespace detail

class passed_handle
{
  public:
    passed_handle() = default; // empty

    // Owns `given` until it is sent or taken.
    explicit passed_handle(handle given);

    bool is_open() const noexcept { return state_ && (state_->own.is_open() || state_->lent); }
    // What it is, or was before it was sent or taken.
    handle_kind kind() const noexcept { return kind_; }

    // What has arrived, as an Asio object on `executor`: an acceptor or a socket of ip::tcp,
    // ip::udp or local::stream_protocol, readable_pipe, writable_pipe, or
    // posix::stream_descriptor, which takes any kind. It is empty afterwards. The first form
    // throws system_error; `failed` is invalid_argument when this is no such thing, and then it
    // stays here, or what the loop says when it cannot watch it.
    template <class Object, class Executor>
    Object take(Executor const& executor)
    {
        boost::system::error_code failed;
        Object taken = take<Object>(executor, failed);
        if (failed)
            throw boost::system::system_error{failed, "take a passed handle"};
        return taken;
    }
    template <class Object, class Executor>
    Object take(Executor const& executor, boost::system::error_code& failed)
    {
        Object object{executor};
        handle here = release();
        detail::adopt(object, here, failed);
        put_back(std::move(here));
        return object;
    }

    // The bare descriptor; empty when there is none. Throws system_error (EMFILE) when a send that
    // was refused has borrowed it: then it is a duplicate.
    handle release();

    // ---- for the sender ----
    // Sent any number of times, and to any number of processes: it stays open here.
    static passed_handle reusable(handle given);

    // What to hand to a channel, nullptr when empty; given() tells that it was taken.
    shared_handle lend() const;
    void given() noexcept;

  private:
    struct state
    {
        handle own;         // until it is lent
        shared_handle lent; // from then on
        bool stays = false;
    };
    void put_back(handle what);

    std::shared_ptr<state> state_;
    handle_kind kind_ = handle_kind::fd;
};

// A duplicate to send, any number of times; the original stays the caller's. Of a handle, or of
// any Asio object with native_handle(). Throws system_error (EMFILE, EBADF).
passed_handle keep_open(handle const& original);
passed_handle keep_open(int descriptor);
template <class Object>
requires requires(Object& object)
{
    object.native_handle();
}
passed_handle keep_open(Object& original)
{
    return keep_open(static_cast<int>(original.native_handle()));
}

// The thing itself: a handle, or an Asio object, whose outstanding operations are cancelled.
// Throws system_error.
inline passed_handle pass(handle given)
{
    return passed_handle{std::move(given)};
}
template <class Object>
requires(!std::is_lvalue_reference_v<Object> &&
         requires(Object & object) { object.release(); }) passed_handle pass(Object&& given)
{
    return passed_handle{handle{static_cast<int>(given.release())}};
}

// ---- how a descriptor becomes an Asio object
// -----------------------------------------------------

template <class Object>
void detail::adopt(Object& object, handle& what, boost::system::error_code& failed)
{
    failed.assign(boost::system::errc::invalid_argument, boost::system::system_category());
    auto const facts = facts_of(what);
    if constexpr (asio_socket<Object>) {
        using protocol = typename Object::protocol_type;
        auto const speaks = [&] {
            if constexpr (requires { protocol::v6(); })
                return facts.is_v6 ? protocol::v6() : protocol::v4();
            else
                return protocol{};
        }();
        if (speaks.family() != facts.family || speaks.type() != facts.type ||
            asio_listener<Object> != facts.is_listening)
            return;
        object.assign(speaks, what.get(), failed);
    } else {
        // A stream_descriptor reads and writes, and takes whatever it is given.
        constexpr bool one_way = detail::asio_reader<Object> != detail::asio_writer<Object>;
        if (one_way && (!facts.is_fifo || (detail::asio_reader<Object> && !facts.is_readable) ||
                        (detail::asio_writer<Object> && !facts.is_writable)))
            return;
        object.assign(what.get(), failed);
    }
    if (!failed)
        static_cast<void>(what.release());
}

} // namespace covey
