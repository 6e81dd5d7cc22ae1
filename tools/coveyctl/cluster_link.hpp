// cluster_link: a conversation with a running master, one question at a time.
//
// Everything throws failure: the master may be gone, hang, or refuse. A master that does not answer
// within `patience` is taken to hang; a reload takes as long as it takes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <covey/protocol/channel.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coveyctl {

namespace control = covey::protocol::control;

class cluster_link
{
  public:
    static constexpr std::chrono::seconds patience{10};

    explicit cluster_link(std::string const& socket_path);

    control::cluster const& who() const { return who_; }

    // As this process sees it, which may live in another namespace; 0: not at all.
    std::int64_t master_pid() const { return master_pid_; }

    covey::handle segment(); // may be mapped for reading only
    std::vector<control::worker> workers();
    control::verdict reload();
    void scale(std::uint32_t workers);
    void stop(bool now);

  private:
    using incoming = covey::protocol::envelope<covey::protocol::to_tool>;
    using duration = std::optional<std::chrono::milliseconds>;
    incoming receive(duration within);
    template <class Answer>
    Answer ask(covey::protocol::from_tool const& said, duration within = patience);

    std::string path_;
    std::int64_t master_pid_ = 0;
    boost::asio::io_context loop_;
    std::optional<covey::protocol::tool_channel> channel_;
    control::cluster who_;
};

} // namespace coveyctl
