// What a request is called, in logs and to other servers (message.hpp). Made when somebody asks.
#include "message.hpp"
#include "random_hex.hpp"

#include <algorithm>

namespace covey::http {

namespace {

constexpr std::size_t id_bytes_max = 128;

// What proxies make: UUIDs, ULIDs, numbers, base64. Nothing that a log must escape.
bool is_id(std::string_view text)
{
    auto const fits = [](char byte) {
        return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
               (byte >= 'A' && byte <= 'Z') ||
               std::string_view{"-_.:/+=@"}.find(byte) != std::string_view::npos;
    };
    return !text.empty() && text.size() <= id_bytes_max &&
           std::all_of(text.begin(), text.end(), fits);
}

} // namespace

std::string const& request::id() const
{
    if (id_text.empty()) {
        auto const given = header("X-Request-Id");
        id_text = is_id(given) ? std::string{given} : random_hex(32);
    }
    return id_text;
}

} // namespace covey::http
