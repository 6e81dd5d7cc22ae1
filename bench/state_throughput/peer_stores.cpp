// lua_shared_dict and APCu: their players are written in Lua and PHP (bench/peers).
#include "store.hpp"

#include <fmt/format.h>
#include <stdexcept>

namespace covey::bench {

namespace {

constexpr std::uint64_t megabytes_for(std::uint64_t keys)
{
    return 16 + keys * 512 / (1U << 20);
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

std::string configuration(site const& where)
{
    return filled_in("shared_dict.conf", *where.files,
                     fmt::format("shared_dict-{}.conf", where.keys),
                     {{"@MODULES@", nginx_modules},
                      {"@WORKERS@", std::to_string(where.players)},
                      {"@FOLDER@", where.files->folder()},
                      {"@MEGABYTES@", std::to_string(megabytes_for(where.keys))},
                      {"@KEYS@", std::to_string(where.keys)},
                      {"@DESK@", where.desk}});
}

} // namespace

store shared_dict_store()
{
    return {.name = "shared_dict", .missing = missing_of_nginx_lua, .start = [](site const& where) {
                running_store out;
                out.programs.emplace_back(find_program("nginx"),
                                          std::vector<std::string>{"nginx", "-p",
                                                                   where.files->folder(), "-c",
                                                                   configuration(where)});
                return out;
            }};
}

store apcu_store()
{
    return {.name = "apcu", .missing = missing_apcu, .start = [](site const& where) {
                running_store out;
                out.programs.emplace_back(
                    find_program("php"),
                    std::vector<std::string>{
                        "php", "-d", "apc.enable_cli=1", "-d",
                        fmt::format("apc.shm_size={}M", megabytes_for(where.keys)), "-d",
                        "memory_limit=-1", "-d", fmt::format("apc.entries_hint={}", 2 * where.keys),
                        peer_file("apcu.php"), where.desk, std::to_string(where.players),
                        std::to_string(where.keys)});
                return out;
            }};
}

} // namespace covey::bench
