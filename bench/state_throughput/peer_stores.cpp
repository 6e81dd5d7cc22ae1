// lua_shared_dict and APCu: their players are written in Lua and PHP (bench/peers).
#include "store.hpp"

#include <csignal>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace covey::bench {

namespace {

constexpr char const* nginx_modules = "/usr/lib/nginx/modules/";
constexpr char const* shared_dict_conf = BENCH_PEERS "/shared_dict.conf";
constexpr char const* apcu_php = BENCH_PEERS "/apcu.php";

constexpr std::uint64_t megabytes_for(std::uint64_t keys)
{
    return 16 + keys * 512 / (1U << 20);
}

std::string missing_lua()
{
    if (find_program("nginx").empty())
        return "nginx";
    for (auto const* module : {"ndk_http_module.so", "ngx_http_lua_module.so"})
        if (::access((std::string{nginx_modules} + module).c_str(), R_OK) != 0)
            return fmt::format("nginx's {}", module);
    return {};
}

std::string missing_apcu()
{
    auto const php = find_program("php");
    if (php.empty())
        return "php";
    try {
        child::of_program(php, {"php", "-r",
                                "exit(extension_loaded('apcu') && extension_loaded('pcntl')"
                                " ? 0 : 1);"})
            .wait(std::chrono::seconds{20});
        return {};
    } catch (std::runtime_error const&) {
        return "PHP's apcu";
    }
}

// The configuration with its marks filled in.
std::string configuration(site const& where)
{
    std::ifstream from{shared_dict_conf};
    std::string text{std::istreambuf_iterator<char>{from}, {}};
    for (auto const& [mark, with] :
         {std::pair<std::string_view, std::string>{"@MODULES@", nginx_modules},
          {"@WORKERS@", std::to_string(where.players)},
          {"@FOLDER@", where.files->folder()},
          {"@MEGABYTES@", std::to_string(megabytes_for(where.keys))},
          {"@KEYS@", std::to_string(where.keys)},
          {"@DESK@", where.desk}})
        for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
            text.replace(at, mark.size(), with);
    auto file = where.files->file(fmt::format("shared_dict-{}.conf", where.keys));
    std::ofstream{file} << text;
    return file;
}

} // namespace

store shared_dict_store()
{
    return {.name = "shared_dict", .missing = missing_lua, .start = [](site const& where) {
                running_store out;
                out.programs.emplace_back(child::of_program(
                    find_program("nginx"),
                    {"nginx", "-p", where.files->folder(), "-c", configuration(where)}, {},
                    SIGTERM));
                return out;
            }};
}

store apcu_store()
{
    return {
        .name = "apcu", .missing = missing_apcu, .start = [](site const& where) {
            running_store out;
            out.programs.emplace_back(child::of_program(
                find_program("php"),
                {"php", "-d", "apc.enable_cli=1", "-d",
                 fmt::format("apc.shm_size={}M", megabytes_for(where.keys)), "-d",
                 "memory_limit=-1", "-d", fmt::format("apc.entries_hint={}", 2 * where.keys),
                 apcu_php, where.desk, std::to_string(where.players), std::to_string(where.keys)},
                {}, SIGTERM));
            return out;
        }};
}

} // namespace covey::bench
