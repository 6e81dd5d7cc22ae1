// plain_worker: a worker without HTTP or state, for the tests of the master. It speaks the real
// protocol over the real channel: says hello and ready, takes connections over, greets each with
// "seat N id M pid P" and sends back what it reads. Words on its command line make it misbehave:
//
//   die-before-ready=CODE  hang-before-ready  refuse  wrong-version  no-hello  bad-frame
//   close-channel  deaf  ignore-stop  spin  no-ack  reject  changes=N  watch  start-sleep
//   complain=LINES  grandchild-holds-output  reject=TIMES  bogus-accept  bogus-reject
//   leave-at-hand-off (the first worker alone: when it has a client and is passed another)
//
// "WORD@SEAT" holds in that seat alone. A client that sends "exit CODE" ends the worker, one that
// sends "suicide REASON" lets it announce that it leaves. Messages and requests come back; with a
// UDP socket beside a message come what is read from that.
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/messenger.hpp>
#include <covey/protocol/version.hpp>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

namespace net = boost::asio;
using namespace covey;
using boost::system::error_code;

namespace {

// Greets, then echoes until the client is done.
struct echo : std::enable_shared_from_this<echo>
{
    echo(net::any_io_executor executor, handle socket, std::string greeting,
         std::function<void(std::string const&)> command, std::function<void()> done)
        : socket_{executor, socket.release()}
        , text_{std::move(greeting)}
        , command_{std::move(command)}
        , done_{std::move(done)}
    {}
    ~echo() { done_(); }

    void write()
    {
        net::async_write(socket_, net::buffer(text_),
                         [self = shared_from_this()](error_code failed, std::size_t) {
                             if (!failed)
                                 self->read();
                         });
    }

    void read()
    {
        text_.resize(4096);
        socket_.async_read_some(net::buffer(text_),
                                [self = shared_from_this()](error_code failed, std::size_t bytes) {
                                    if (failed)
                                        return;
                                    self->text_.resize(bytes);
                                    self->command_(self->text_);
                                    self->write();
                                });
    }

    net::posix::stream_descriptor socket_;
    std::string text_;
    std::function<void(std::string const&)> command_;
    std::function<void()> done_;
};

class plain_worker
{
  public:
    plain_worker(handle channel, std::set<std::string> words)
        : descriptor_{channel.get()}
        , channel_{loop_.get_executor(), std::move(channel)}
        , deadline_{loop_}
        , words_{std::move(words)}
    {}

    int run()
    {
        talk_.on_message([this](message said) {
            if (said.handles.empty())
                return static_cast<void>(talk_.send(said.body));
            datagrams_.emplace(
                said.handles.front().take<net::ip::udp::socket>(loop_.get_executor()));
            datagrams_->non_blocking(true);
            pass_datagrams_on();
        });
        talk_.on_request([](message said) -> net::awaitable<datum> { co_return said.body; });
        if (has("no-hello"))
            channel_.send(protocol::ready{});
        else
            channel_.send(
                protocol::hello{protocol::version + (has("wrong-version") ? 1U : 0U), ::getpid()});
        receive();
        loop_.run();
        return protocol::worker_exit::planned;
    }

  private:
    bool has(std::string const& word) const
    {
        return words_.contains(word) || words_.contains(word + "@" + std::to_string(who_.seat));
    }

    int value(std::string const& word, int otherwise) const
    {
        auto const suffix = "@" + std::to_string(who_.seat);
        for (auto const& one : words_)
            if (one.starts_with(word + "=") &&
                (one.find('@') == std::string::npos || one.ends_with(suffix)))
                return std::atoi(one.c_str() + word.size() + 1);
        return otherwise;
    }

    void receive()
    {
        channel_.async_receive(
            [this](error_code failed, protocol::envelope<protocol::from_master> in) {
                if (failed)
                    std::_Exit(protocol::worker_exit::planned); // the master is gone
                std::visit([&](auto const& said) { hear(said, in.handles); }, in.message);
                receive();
            });
    }

    void hear(protocol::welcome const& said, std::vector<handle>&)
    {
        who_ = said;
        changes_left_ = value("changes", 0);
        rejects_left_ = value("reject", 0);
    }
    void hear(protocol::doorbells const&, std::vector<handle>&) {}
    void hear(protocol::talk const& said, std::vector<handle>& handles)
    {
        talk_.hear(said, std::move(handles));
    }

    // Greets everybody it serves with the number of changes, so that a test can see them arrive.
    void hear(protocol::change const&, std::vector<handle>&) { ++changes_heard_; }

    void hear(protocol::listener const&, std::vector<handle>& handles)
    {
        for (auto& one : handles)
            listeners_.push_back(
                std::make_unique<net::posix::stream_descriptor>(loop_, one.release()));
    }

    void hear(protocol::begin const& said, std::vector<handle>& handles)
    {
        for (int left = value("complain", 0); left > 0; --left)
            std::cerr << "plain trouble " << left << std::endl;
        if (has("grandchild-holds-output") && ::fork() == 0) {
            ::close(descriptor_);
            ::alarm(2); // holds it so long at the most
            ::pause();
        }
        if (int const code = value("die-before-ready", -1); code >= 0)
            std::_Exit(code);
        if (has("hang-before-ready"))
            return;
        if (has("refuse")) {
            channel_.send(protocol::refused{"the schema differs\nhere: a\nthere: b"});
            std::_Exit(protocol::worker_exit::fatal);
        }
        if (has("watch"))
            channel_.send(protocol::watch_changes{});
        if (!handles.empty())
            ::dup2(handles.front().get(), STDERR_FILENO);
        for (std::uint32_t index = 0; index < said.listeners; ++index)
            channel_.send(protocol::listening{index});
        if (has("deaf"))
            ::shutdown(descriptor_, SHUT_RD);
        channel_.send(protocol::ready{});
        for (auto& one : listeners_)
            accept(*one);
        misbehave();
    }

    void misbehave()
    {
        if (has("start-sleep") && ::fork() == 0) {
            ::execl("/bin/sleep", "sleep", "1000", nullptr);
            std::_Exit(127);
        }
        if (has("bad-frame")) {
            std::array<char, 64> noise;
            noise.fill('!');
            ::send(descriptor_, noise.data(), noise.size(), MSG_NOSIGNAL);
        }
        if (has("close-channel")) {
            ::shutdown(descriptor_, SHUT_RDWR);
            ::pause();
        }
        if (has("deaf"))
            ::pause();
        while (has("spin")) {
        }
    }

    void accept(net::posix::stream_descriptor& from)
    {
        from.async_wait(net::posix::descriptor_base::wait_read, [this, &from](error_code failed) {
            if (failed)
                return;
            handle made{
                ::accept4(from.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
            if (made.is_open())
                serve(std::move(made));
            accept(from);
        });
    }

    void hear(protocol::connection const& said, std::vector<handle>& handles)
    {
        if (has("leave-at-hand-off") && who_.id == 1 && open_ > 0 && !stopping_)
            obey("suicide while more come\n");
        for (std::size_t i = 0; i != handles.size(); ++i) {
            if (has("no-ack")) {
                kept_.push_back(std::move(handles[i]));
            } else if (has("bogus-accept")) {
                channel_.send(protocol::accepted{said.ticket + 1'000'000});
            } else if (has("bogus-reject")) {
                channel_.send(protocol::rejected{said.ticket + 1'000'000});
            } else if (stopping_ || has("reject") || rejects_left_ > 0) {
                --rejects_left_;
                channel_.send(protocol::rejected{said.ticket + i});
            } else {
                channel_.send(protocol::accepted{said.ticket + i});
                serve(std::move(handles[i]));
            }
        }
    }

    void serve(handle socket)
    {
        ++open_;
        // With the first client, so that a test can see to it that the others watch already.
        for (; changes_left_ > 0; --changes_left_)
            channel_.send(
                protocol::change{1, 1, static_cast<std::uint64_t>(changes_left_), {}, {}});
        auto greeting = "seat " + std::to_string(who_.seat) + " id " + std::to_string(who_.id) +
                        " pid " + std::to_string(::getpid()) + " changes " +
                        std::to_string(changes_heard_) + "\n";
        std::make_shared<echo>(
            loop_.get_executor(), std::move(socket), std::move(greeting),
            [this](std::string const& text) { obey(text); },
            [this] {
                --open_;
                leave_when_done();
            })
            ->write();
    }

    void obey(std::string const& text)
    {
        if (text.starts_with("exit "))
            std::_Exit(std::atoi(text.c_str() + 5));
        if (text.starts_with("suicide ")) {
            channel_.send(protocol::suicide{text.substr(8, text.find('\n') - 8)});
            leave(std::chrono::minutes{1});
        }
    }

    // What comes over a socket that the master has sent goes to the master.
    void pass_datagrams_on()
    {
        datagrams_->async_wait(net::socket_base::wait_read, [this](error_code failed) {
            if (failed)
                return;
            std::string text(64, '\0');
            error_code none;
            text.resize(datagrams_->receive(net::buffer(text), 0, none));
            if (!none)
                talk_.send(text);
            pass_datagrams_on();
        });
    }

    void hear(protocol::stop const& said, std::vector<handle>&)
    {
        if (has("ignore-stop"))
            return;
        talk_.give_heard();
        leave(std::chrono::milliseconds{said.deadline_ms});
    }

    void leave(std::chrono::milliseconds within)
    {
        stopping_ = true;
        for (auto& one : listeners_)
            one->close();
        deadline_.expires_after(within);
        deadline_.async_wait([](error_code failed) {
            if (!failed)
                std::_Exit(protocol::worker_exit::planned);
        });
        leave_when_done();
    }

    // After the last word is out, acknowledgements included.
    void leave_when_done()
    {
        if (stopping_ && open_ == 0)
            channel_.async_drained([](error_code) { std::_Exit(protocol::worker_exit::planned); });
    }

    net::io_context loop_{1};
    int descriptor_;
    protocol::worker_channel channel_;
    messenger talk_{loop_.get_executor(), carried_by(channel_)};
    net::steady_timer deadline_;
    std::set<std::string> words_;
    protocol::welcome who_;
    std::vector<std::unique_ptr<net::posix::stream_descriptor>> listeners_;
    std::vector<handle> kept_;
    std::optional<net::ip::udp::socket> datagrams_;
    int open_ = 0;
    int rejects_left_ = 0;
    bool stopping_ = false;
    int changes_heard_ = 0;
    int changes_left_ = 0;
};

} // namespace

int main(int argc, char** argv)
{
    char const* const number = std::getenv("COVEY_CHANNEL_FD");
    if (number == nullptr)
        return 2;
    handle channel{std::atoi(number)};
    ::fcntl(channel.get(), F_SETFD, FD_CLOEXEC);
    ::unsetenv("COVEY_CHANNEL_FD");
    return plain_worker{std::move(channel), {argv + 1, argv + argc}}.run();
}
