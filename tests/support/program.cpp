#include "program.hpp"

#include "wait_until.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace covey::test {

namespace {

// Several processes write to it, and the kernel does not lock a memfd's position for a write:
// without O_APPEND two lines at once are one on top of the other.
handle memory_file(char const* name)
{
    handle made{::memfd_create(name, MFD_CLOEXEC)};
    if (!made.is_open() || ::fcntl(made.get(), F_SETFL, O_APPEND) != 0)
        throw std::system_error{errno, std::generic_category(), "memfd_create"};
    return made;
}

// By pread: the file's position belongs to the writers.
std::string text_of(handle const& file)
{
    std::string out;
    std::array<char, 4096> bytes;
    while (auto const count =
               ::pread(file.get(), bytes.data(), bytes.size(), static_cast<::off_t>(out.size()))) {
        if (count < 0)
            throw std::system_error{errno, std::generic_category(), "pread"};
        out.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts)
{
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (auto& text : texts)
        out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

char state_of(pid_t pid)
{
    std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
    std::string text;
    std::getline(in, text);
    auto const name_end = text.rfind(')');
    return name_end == text.npos ? '\0' : text.at(name_end + 2);
}

} // namespace

program::program(std::string path, std::vector<std::string> words,
                 std::vector<std::string> variables)
    : output_{memory_file("output")}
    , errors_{memory_file("errors")}
{
    words.insert(words.begin(), path);
    for (char** entry = environ; *entry != nullptr; ++entry)
        variables.emplace_back(*entry);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, output_.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, errors_.get(), STDERR_FILENO);
    int const failed = ::posix_spawnp(&pid_, path.c_str(), &actions, nullptr,
                                      pointers(words).data(), pointers(variables).data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        throw std::system_error{failed, std::generic_category(), "spawn " + path};
}

program::~program()
{
    if (is_running()) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
}

void program::signal(int number) const
{
    if (pid_ != 0)
        ::kill(pid_, number);
}

std::string program::output() const
{
    return text_of(output_);
}

std::string program::errors() const
{
    return text_of(errors_);
}

bool program::is_running()
{
    if (pid_ != 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_)
        pid_ = 0;
    return pid_ != 0;
}

int program::wait_for_end()
{
    if (!wait_until([&] { return !is_running(); }))
        throw std::runtime_error{"it does not end; it said: " + output() + errors()};
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

std::vector<pid_t> children_of(pid_t pid)
{
    auto const id = std::to_string(pid);
    std::ifstream in{"/proc/" + id + "/task/" + id + "/children"};
    std::vector<pid_t> out;
    for (pid_t child = 0; in >> child;)
        out.push_back(child);
    return out;
}

bool is_zombie(pid_t pid)
{
    return state_of(pid) == 'Z';
}

bool is_stopped(pid_t pid)
{
    return state_of(pid) == 'T';
}

bool is_gone(pid_t pid)
{
    auto const state = state_of(pid);
    return state == '\0' || state == 'Z';
}

} // namespace covey::test
