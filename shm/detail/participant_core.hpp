// What a participant is inside the room.
#pragma once

#include "../arena.hpp"
#include "../participant.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace covey {

struct participant::core
{
    std::shared_ptr<shm::arena> memory;
    std::uint32_t block = 0;
    doorbells bells;
    std::function<void()> on_own_change;
    std::function<void()> on_sooner_expiry; // see participant::on_sooner_expiry
    bool sooner_expiry = false;             // a write under way is the reason to call it
    std::uint64_t free_word = 0;       // where the last free cell was found, in free_hints' words
    std::uint64_t free_chunk_word = 0; // the same of chunks, from where this block begins

    // What this block has done of notifying: add_to(counts().told), from the participant's thread.
    shm::notification_counts& counts() const { return memory->block(block).notified; }

    // After a commit has been announced and its lock given back.
    void tell(std::uint32_t field);

    // After a word of a field without rows has changed: costs a load when nobody watches it.
    void tell_of_word(std::uint32_t field);
};

} // namespace covey
