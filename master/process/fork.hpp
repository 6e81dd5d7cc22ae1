// fork: a program with a channel for messages and handles; and the channel to who forked us.
//
//   std::vector<std::string> const words{"--child"};
//   auto child = co_await process::fork(executor, "", words, {}, net::use_awaitable);
//   child.channel().send("serve", {covey::keep_open(acceptor)});     // in the parent
//
//   auto parent = process::parent(executor);                          // in the child
//   parent->on_message([](covey::message said) { ... });
//
// Nothing is copied from this process as fork(2) would: the program begins at its main().
#pragma once

#include "child.hpp"

#include <covey/protocol/messenger.hpp>
#include <memory>
#include <optional>

namespace covey::process {

class forked : public child
{
  public:
    forked() noexcept = default; // no process, and no channel to ask for
    forked(child process, messenger channel)
        : child{std::move(process)}
        , channel_{std::make_unique<messenger>(std::move(channel))}
    {}

    messenger& channel() { return *channel_; }

  private:
    std::unique_ptr<messenger> channel_;
};

namespace detail {

using fork_handler = net::any_completion_handler<void(boost::system::error_code, forked)>;
void start_fork(net::any_io_executor executor, std::string path, std::vector<std::string> arguments,
                options settings, fork_handler handler);

} // namespace detail

// As spawn. Standard input, output and error are this process's own unless options say otherwise.
// The channel is behind options::extra in the child, and named by COVEY_CHANNEL_FD there.
template <class Token>
auto fork(net::any_io_executor executor, std::string path, std::vector<std::string> arguments,
          options settings, Token&& token)
{
    return net::async_initiate<Token, void(boost::system::error_code, forked)>(
        [](auto handler, net::any_io_executor on, std::string program,
           std::vector<std::string> words, options how) {
            detail::start_fork(std::move(on), std::move(program), std::move(words), std::move(how),
                               std::move(handler));
        },
        token, std::move(executor), std::move(path), std::move(arguments), std::move(settings));
}

// The channel to the process that forked this one, taken out of the environment: the first call
// has it, and no process that this one starts. None when there is none. Throws system_error when
// the environment names something else. In a worker the channel is the cluster's.
std::optional<messenger> parent(net::any_io_executor executor);

} // namespace covey::process
