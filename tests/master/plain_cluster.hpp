// plain_cluster: a master in this process with plain_workers around it, and clients for it.
//
// Everything runs on the test's one thread: the loop turns while a test waits for a condition.
#pragma once

#include "support/wait_until.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <covey/master/master.hpp>
#include <csignal>
#include <exception>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace covey::test {

inline options plain_options(std::uint32_t workers)
{
    options out;
    out.name = "plain";
    out.listen = {"127.0.0.1:0"};
    out.workers = workers;
    return out;
}

class plain_cluster
{
  public:
    explicit plain_cluster(options settings, std::vector<std::string> words = {})
        : plain_cluster{program(std::move(words)), std::move(settings)}
    {}

    plain_cluster(worker_program what, options settings)
        : master{std::in_place, loop.get_executor(), std::move(settings), schema{}, std::move(what)}
    {
        master->on_ready([this](std::vector<std::string> const& where) {
            ++announced;
            addresses = where;
        });
        net::co_spawn(loop, master->run(), [this](std::exception_ptr thrown, int code) {
            if (thrown)
                std::rethrow_exception(thrown);
            result = code;
        });
    }

    static worker_program program(std::vector<std::string> words)
    {
        words.insert(words.begin(), "plain_worker");
        return {PLAIN_WORKER, std::move(words)};
    }

    template <class Condition>
    bool until(Condition condition)
    {
        return run_until(loop, condition);
    }

    bool until_ready()
    {
        return until([&] { return announced > 0 || result; }) && !result;
    }

    bool until_over()
    {
        return until([&] { return result.has_value(); });
    }

    // In the seat a worker that is ready, and not `old`.
    bool until_replaced(std::uint32_t seat, pid_t old)
    {
        return until([&] {
            auto const now = worker(seat);
            return now.state == worker_state::ready && now.pid != old;
        });
    }

    worker_status worker(std::uint32_t seat) const { return master->status().at(seat); }
    pid_t pid(std::uint32_t seat) const { return static_cast<pid_t>(worker(seat).pid); }

    net::io_context loop{1};
    std::optional<covey::master> master;
    int announced = 0;
    std::vector<std::string> addresses;
    std::optional<int> result;
};

// A client whose waiting turns the cluster's loop.
class plain_client
{
  public:
    explicit plain_client(plain_cluster& cluster)
        : cluster_{cluster}
        , socket_{cluster.loop}
    {
        auto const& address = cluster.master->addresses().front();
        auto const port = std::stoi(address.substr(address.rfind(':') + 1));
        // Complete as soon as the kernel has put it into the backlog; no worker is needed for it.
        socket_.connect(
            {net::ip::make_address("127.0.0.1"), static_cast<net::ip::port_type>(port)});
        socket_.non_blocking(true);
    }

    void send(std::string const& text)
    {
        boost::system::error_code ignored;
        socket_.write_some(net::buffer(text), ignored);
    }

    void close() { socket_.close(); }

    // The next line without its end; "closed" when the connection ended, "nothing" when nothing
    // came.
    std::string line()
    {
        if (!cluster_.until([&] { return has_line() || closed_; }))
            return "nothing";
        auto const end = text_.find('\n');
        if (end == std::string::npos)
            return "closed";
        auto out = text_.substr(0, end);
        text_.erase(0, end + 1);
        return out;
    }

    // The number behind `word` in the greeting "seat N id M pid P changes C".
    long greeting(std::string const& word)
    {
        auto const text = line();
        auto const at = text.find(word + " ");
        return at == std::string::npos ? -1 : std::stol(text.substr(at + word.size() + 1));
    }
    long seat() { return greeting("seat"); }

    // Reads what is here; true when a whole line is.
    bool has_line()
    {
        std::string more(4096, '\0');
        boost::system::error_code failed;
        more.resize(socket_.read_some(net::buffer(more), failed));
        text_ += more;
        closed_ = closed_ || (failed && failed != net::error::would_block);
        return text_.find('\n') != std::string::npos;
    }

    bool is_closed()
    {
        has_line();
        return closed_;
    }

  private:
    plain_cluster& cluster_;
    net::ip::tcp::socket socket_;
    std::string text_;
    bool closed_ = false;
};

} // namespace covey::test
