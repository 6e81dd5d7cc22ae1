#include "entry_text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace coveyctl {

namespace {

// How many letters must be put in, left out or changed to make one of the other.
std::size_t distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> above(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 0; i != a.size(); ++i) {
        auto diagonal = above[0]++;
        for (std::size_t j = 0; j != b.size(); ++j) {
            auto const changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = above[j + 1];
            above[j + 1] = std::min({above[j] + 1, diagonal + 1, changed});
        }
    }
    return above.back();
}

} // namespace

std::string entry_json(covey::field_entry const& entry)
{
    std::string out = "{";
    if (!entry.key.is_null())
        out += fmt::format("\"key\":{},", to_json(entry.key));
    out += fmt::format("\"row\":{}", to_json(entry.row));
    if (entry.revision != 0)
        out += fmt::format(",\"revision\":{}", entry.revision);
    if (entry.lives)
        out += fmt::format(",\"lives_ns\":{}", entry.lives->count());
    if (entry.item) {
        out += fmt::format(",\"deliveries\":{}", entry.item->deliveries);
        if (entry.item->leased_by)
            out += fmt::format(",\"leased_by\":{},\"pid\":{}", *entry.item->leased_by,
                               entry.item->pid);
    }
    return out + "}";
}

std::string item_text(covey::item_facts const& item)
{
    return fmt::format(
        "popped {} times, {}", item.deliveries,
        item.leased_by ? fmt::format("leased by block {} (process {})", *item.leased_by, item.pid)
                       : "waits");
}

std::string suggestion(std::string_view word, std::vector<std::string> const& known)
{
    if (known.empty())
        return "there is none";
    auto const nearest =
        std::min_element(known.begin(), known.end(), [&](auto const& a, auto const& b) {
            return distance(word, a) < distance(word, b);
        });
    if (distance(word, *nearest) <= std::max<std::size_t>(1, word.size() / 3))
        return fmt::format("did you mean '{}'?", *nearest);
    return fmt::format("there are: {}", fmt::join(known, ", "));
}

} // namespace coveyctl
