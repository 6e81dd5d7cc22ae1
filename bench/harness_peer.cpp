#include "harness_peer.hpp"

#include <chrono>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <unistd.h>

namespace covey::bench {

peer_program::~peer_program()
{
    if (process_.pid() <= 0)
        return;
    try {
        process_.stop(std::chrono::seconds{10});
    } catch (std::exception const&) {
        // Node and PHP end by the signal; what does not end is killed with `process_`.
    }
}

std::string beside_this_program(std::string_view name)
{
    return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

std::string peer_file(std::string_view name)
{
    return fmt::format("{}/{}", BENCH_PEERS, name);
}

std::string filled_in(std::string_view name, scratch const& notes, std::string_view as,
                      std::initializer_list<std::pair<std::string_view, std::string>> marks)
{
    std::ifstream from{peer_file(name)};
    std::string text{std::istreambuf_iterator<char>{from}, {}};
    if (text.empty())
        throw std::runtime_error{"cannot read " + peer_file(name)};
    for (auto const& [mark, with] : marks)
        for (auto at = text.find(mark); at != std::string::npos;
             at = text.find(mark, at + with.size()))
            text.replace(at, mark.size(), with);
    auto file = notes.file(as);
    std::ofstream{file} << text;
    return file;
}

std::string missing_of_nginx_lua()
{
    if (find_program("nginx").empty())
        return "nginx";
    for (auto const* module : {"ndk_http_module.so", "ngx_http_lua_module.so"})
        if (::access((std::string{nginx_modules} + module).c_str(), R_OK) != 0)
            return fmt::format("nginx's {}", module);
    return {};
}

} // namespace covey::bench
