#include "exec_image.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <unistd.h>

namespace covey::supervision {

namespace {

constexpr std::string_view default_path = "/bin:/usr/bin"; // execvp's when there is no PATH

[[noreturn]] void refuse(std::string const& what)
{
    throw boost::system::system_error{EINVAL, boost::system::system_category(), what};
}

std::string_view name_of(std::string_view entry)
{
    return entry.substr(0, entry.find('='));
}

void check(std::string const& text, char const* what)
{
    if (text.find('\0') != std::string::npos)
        refuse(std::string{what} + " with a zero byte in it");
}

void set(std::vector<std::string>& environment, std::string const& entry)
{
    check(entry, "an environment variable");
    auto const name = name_of(entry);
    if (name.empty())
        refuse("an environment variable without a name: " + entry);
    std::erase_if(environment, [&](std::string const& other) { return name_of(other) == name; });
    if (name.size() != entry.size())
        environment.push_back(entry);
}

std::vector<std::string> environment_of(exec_plan const& plan)
{
    std::vector<std::string> out;
    if (!plan.environment_only)
        for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
            out.emplace_back(*entry);
    for (auto const& entry : plan.environment)
        set(out, entry);
    return out;
}

std::vector<std::string> files_of(exec_plan const& plan, std::vector<std::string> const& variables)
{
    if (plan.path.empty())
        return {own_program()};
    if (!plan.search || plan.path.find('/') != std::string::npos)
        return {plan.path};
    std::string_view path = default_path;
    for (std::string_view const entry : variables)
        if (name_of(entry) == "PATH")
            path = entry.substr(5);
    std::vector<std::string> out;
    while (true) {
        auto const end = std::min(path.find(':'), path.size());
        std::string file{path.substr(0, end)};
        out.push_back(file.empty() ? "./" + plan.path : file + "/" + plan.path);
        if (end == path.size())
            return out;
        path.remove_prefix(end + 1);
    }
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

} // namespace

exec_image::exec_image(exec_plan const& plan)
    : arguments_{plan.arguments}
    , environment_{environment_of(plan)}
{
    check(plan.path, "a path");
    files_ = files_of(plan, environment_);
    if (arguments_.empty())
        arguments_.push_back(plan.path.empty() ? files_.front() : plan.path);
    for (auto const& argument : arguments_)
        check(argument, "an argument");
    argument_pointers_ = pointers(arguments_);
    environment_pointers_ = pointers(environment_);
}

int exec_image::execute() const noexcept
{
    int why = ENOENT;
    for (auto const& file : files_) {
        ::execve(file.c_str(), argument_pointers_.data(), environment_pointers_.data());
        if (errno == EACCES)
            why = EACCES; // unless a later folder has it, the most telling answer
        else if (errno != ENOENT && errno != ENOTDIR)
            return errno;
        else if (files_.size() == 1)
            return errno;
    }
    return why;
}

std::string own_program()
{
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

} // namespace covey::supervision
