#include "watcher.hpp"

namespace covey::shm {

// Whether it is to be told; it may become a `leave`.
bool watcher::admit(raw_change& raw, std::size_t keys)
{
    if (raw.kind == change_kind::resync)
        return true;
    if (what_.key && !what_.key(raw.key))
        return false;
    if (!what_.where)
        return true;
    bool const put = raw.kind == change_kind::put;
    bool const holds = put && what_.where(raw);
    if (raw.key == nullptr) // a row of a ring: it has no other end
        return holds;
    key_words key{raw.key, raw.key + keys};
    if (holds) {
        matching_.insert(std::move(key));
        return true;
    }
    if (matching_.erase(key) == 0)
        return false;
    if (put) {
        raw.kind = change_kind::leave;
        raw.row = nullptr;
        raw.body = {};
    }
    return true;
}

std::size_t watcher::offer(raw_change const& raw, std::size_t keys)
{
    if (is_ended_)
        return 0;
    if (wants_all()) {
        tell_(raw);
        return 1;
    }
    auto as_told = raw;
    if (!admit(as_told, keys))
        return 0;
    tell_(as_told);
    return 1;
}

void watcher::note(raw_change const& raw, std::size_t keys)
{
    if (!what_.where)
        return;
    auto copy = raw;
    admit(copy, keys);
}

void watcher::begin_showing(std::uint64_t settled, bool complete)
{
    behind_.reset();
    settled_ = settled;
    shown_.clear();
    if (complete)
        matching_.clear();
}

void watcher::show(raw_change const& row, std::size_t keys)
{
    if (row.revision > settled_)
        shown_[{row.key, row.key + keys}] = row.revision;
}

void watcher::end_showing(std::uint64_t newest)
{
    shown_to_ = newest;
}

watcher::meaning watcher::of(std::uint64_t revision, std::uint64_t const* key,
                             std::size_t keys) const
{
    if (revision <= settled_)
        return meaning::known;
    if (revision > shown_to_)
        return meaning::fresh;
    auto const found = shown_.find({key, key + keys});
    return found != shown_.end() && found->second >= revision ? meaning::known : meaning::doubtful;
}

bool watcher::forget_shown(std::uint64_t told)
{
    if (told >= shown_to_)
        shown_.clear();
    return shown_.empty();
}

} // namespace covey::shm
