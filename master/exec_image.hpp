// exec_image: everything execve takes, made before the fork: the child of a fork may not allocate.
//
// Looking a name up in PATH is prepared too, as a list of files to try one after the other; the
// PATH is the child's own, as execvp's would be there.
#pragma once

#include <string>
#include <vector>

namespace covey::supervision {

struct exec_plan
{
    std::string path = {}; // as execve takes it; empty: this process's own program
    bool search = false;   // a path without '/' is looked up in PATH
    std::vector<std::string> arguments = {}; // argv; empty: only the path
    std::vector<std::string> environment =
        {};                        // "NAME=value" sets, "NAME" alone takes out; last wins
    bool environment_only = false; // nothing but `environment`; else it is over ours
};

class exec_image
{
  public:
    // Throws system_error(EINVAL) for what execve would see otherwise than it was meant: a zero
    // byte inside, or a variable without a name.
    explicit exec_image(exec_plan const& plan);
    exec_image(exec_image const&) = delete;
    exec_image& operator=(exec_image const&) = delete;

    // Returns only when it fails: errno as execvp would have it. Async-signal-safe.
    int execute() const noexcept;

  private:
    std::vector<std::string> files_; // to try, in order
    std::vector<std::string> arguments_;
    std::vector<std::string> environment_;
    std::vector<char*> argument_pointers_;
    std::vector<char*> environment_pointers_;
};

// The file this process was executed from. Read it early: once an upgrade has replaced the file,
// the name read before leads to the new program, and the link reads "... (deleted)".
std::string own_program();

} // namespace covey::supervision
