// http_server: a worker's HTTP server on a thread of its own, without cluster or segment.
#pragma once

#include "http_client.hpp"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <covey/worker/http/server.hpp>
#include <cstddef>
#include <functional>
#include <future>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

namespace covey::test {

class http_server
{
  public:
    // `set_up` adds the routes, on the calling thread, before the loop runs.
    explicit http_server(std::function<void(http::router&, boost::asio::io_context&)> const& set_up,
                         http::limits bounds = {})
    {
        set_up(routes_, loop_);
        server_.emplace(loop_, routes_, bounds,
                        [this](http::traffic const& now) { connections_ = now.connections; });
        thread_ = std::thread{[this] { loop_.run(); }};
    }
    ~http_server()
    {
        run([this] { server_.reset(); });
        loop_.stop();
        thread_.join();
    }

    http_client connect() { return attach(http_client::unix_pair()); }
    http_client connect_tcp() { return attach(http_client::tcp_pair()); }

    // Serves the other end of a socket that the test keeps.
    void serve(handle connection)
    {
        run([&] { server_->open(std::move(connection)); });
    }

    // Runs `call` on the loop's thread and waits for its end.
    template <class Call>
    std::invoke_result_t<Call&> run(Call call)
    {
        std::packaged_task<std::invoke_result_t<Call&>()> task{std::move(call)};
        auto result = task.get_future();
        boost::asio::post(loop_, std::move(task));
        return result.get();
    }

    void drain(std::function<void()> on_empty = {}, std::chrono::milliseconds spread = {})
    {
        run([&] { server_->drain(spread, std::move(on_empty)); });
    }

    std::uint64_t hits(http::limit which)
    {
        return run([&] { return server_->limit_hits().of(which); });
    }
    std::uint32_t connections() const { return connections_; }
    http::traffic load()
    {
        return run([this] { return server_->load(); });
    }
    // On the loop's thread only: inside run().
    http::server& get() { return *server_; }

    // What it has counted in a word (worker/http/metric_words.hpp).
    std::uint64_t counted(std::size_t word)
    {
        return run([&] { return server_->counts()[word]; });
    }

  private:
    http_client attach(std::pair<handle, http_client> ends)
    {
        serve(std::move(ends.first));
        return std::move(ends.second);
    }

    boost::asio::io_context loop_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        loop_.get_executor()};
    http::router routes_;
    std::optional<http::server> server_;
    std::atomic<std::uint32_t> connections_{0};
    std::thread thread_;
};

} // namespace covey::test
