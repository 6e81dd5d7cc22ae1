// harness_peer: programs that a bench starts beside its own: servers, ours and others'.
#pragma once

#include "harness_child.hpp"
#include "harness_scratch.hpp"

#include <csignal>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace covey::bench {

// A program that may have children of its own: it is ended in good order, where it can be.
class peer_program
{
  public:
    peer_program(std::string path, std::vector<std::string> words)
        : process_{child::of_program(std::move(path), std::move(words), {}, SIGTERM)}
    {}
    peer_program(peer_program&&) = default;
    ~peer_program();

    pid_t pid() const { return process_.pid(); }

  private:
    child process_;
};

// A program of this bench that is built beside it.
std::string beside_this_program(std::string_view name);

// Where bench/peers/NAME is.
std::string peer_file(std::string_view name);

// bench/peers/NAME with its @MARKS@ filled in, as a file in `notes` called `as`; its path.
std::string filled_in(std::string_view name, scratch const& notes, std::string_view as,
                      std::initializer_list<std::pair<std::string_view, std::string>> marks);

// Of nginx with Lua: what is not installed, empty when it can be started; and where its modules
// are, for the mark @MODULES@.
std::string missing_of_nginx_lua();
inline constexpr char const* nginx_modules = "/usr/lib/nginx/modules/";

} // namespace covey::bench
