// beast_server: a peer of bench_http_throughput: Boost.Beast as its examples have it, in processes
// that share a listening port. A stream with timeouts, a request and a response with string bodies,
// async_read and async_write, one after the other.
//
//   bench_beast_server PORT WORKERS       GET /
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
using tcp = net::ip::tcp;

namespace {

std::string date()
{
    auto const now = std::time(nullptr);
    std::array<char, 64> out{};
    std::tm parts{};
    std::strftime(out.data(), out.size(), "%a, %d %b %Y %H:%M:%S GMT", ::gmtime_r(&now, &parts));
    return out.data();
}

class session : public std::enable_shared_from_this<session>
{
  public:
    explicit session(tcp::socket socket)
        : stream_{std::move(socket)}
    {}

    void read()
    {
        asked_ = {};
        stream_.expires_after(std::chrono::seconds{30});
        http::async_read(stream_, buffer_, asked_,
                         [self = shared_from_this()](beast::error_code failed, std::size_t) {
                             if (!failed)
                                 self->write();
                         });
    }

  private:
    void write()
    {
        made_ = {http::status::ok, asked_.version()};
        made_.set(http::field::content_type, "text/plain; charset=utf-8");
        made_.set(http::field::date, date());
        made_.keep_alive(asked_.keep_alive());
        made_.body() = "hello world";
        made_.prepare_payload();
        http::async_write(stream_, made_,
                          [self = shared_from_this()](beast::error_code failed, std::size_t) {
                              if (failed)
                                  return;
                              if (self->made_.keep_alive())
                                  return self->read();
                              self->stream_.socket().shutdown(tcp::socket::shutdown_send, failed);
                          });
    }

    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> asked_;
    http::response<http::string_body> made_;
};

void accept(tcp::acceptor& door)
{
    door.async_accept([&door](beast::error_code failed, tcp::socket socket) {
        if (!failed) {
            socket.set_option(tcp::no_delay{true});
            std::make_shared<session>(std::move(socket))->read();
        }
        accept(door);
    });
}

void serve(std::uint16_t port)
{
    using reuse_port = net::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
    net::io_context loop{1};
    tcp::acceptor door{loop};
    door.open(tcp::v4());
    door.set_option(tcp::acceptor::reuse_address{true});
    door.set_option(reuse_port{true});
    door.bind({net::ip::address_v4::loopback(), port});
    door.listen(4'096);
    accept(door);
    loop.run();
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 3) {
        std::fputs("usage: bench_beast_server PORT WORKERS\n", stderr);
        return 2;
    }
    auto const port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    for (int number = 0; number != std::atoi(argv[2]); ++number)
        if (::fork() == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(port);
        }
    while (::wait(nullptr) > 0)
        ;
}
