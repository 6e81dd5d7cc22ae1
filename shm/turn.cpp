#include "turn.hpp"

#include "detail/participant_core.hpp"
#include "doorbell.hpp"

#include <tuple>
#include <utility>

namespace covey {

namespace shm {

namespace {

// A balance within this many connections is left alone: not every connection costs a hand-over.
constexpr std::uint32_t slack = 1;

// The word: how often it was passed << 32 | block + 1; 0 below is nobody. The count keeps a slow
// passer from taking a later turn for its own.
std::optional<std::uint32_t> holder(std::uint64_t turn)
{
    auto const one = static_cast<std::uint32_t>(turn);
    return one == 0 ? std::nullopt : std::optional{one - 1};
}

constexpr std::uint64_t passed_to(std::uint64_t turn, std::optional<std::uint32_t> block)
{
    return ((turn >> 32) + 1) << 32 | (block ? *block + 1 : 0);
}

bool is_taker(arena const& memory, std::uint32_t block)
{
    return block < memory.places().blocks &&
           (memory.head().takers.bits[block / 64].load() >> block % 64 & 1) != 0;
}

bool has_room(worker_block const& its)
{
    return its.connections.load(relaxed) < ~its.limit.load(relaxed);
}

bool moves(worker_block const& its)
{
    return its.passed_over.load(relaxed) == 0;
}

// The best taker but `self` that `fits`: one that moves, has room and has the fewest connections,
// in this order. Of equals the next one after `from`, so that everybody's turn comes.
template <class Fits>
std::optional<std::uint32_t> best_taker(arena const& memory, std::uint32_t from,
                                        std::optional<std::uint32_t> self, Fits fits)
{
    using order = std::tuple<bool, bool, std::uint32_t>;
    std::optional<std::pair<order, std::uint32_t>> best;
    auto const blocks = memory.places().blocks;
    for (std::uint32_t i = 1; i <= blocks; ++i) {
        auto const block = (from + i) % blocks;
        if (block == self || !is_taker(memory, block))
            continue;
        auto const& its = memory.block(block);
        if (!fits(its))
            continue;
        order const now{!moves(its), !has_room(its), its.connections.load(relaxed)};
        if (!best || now < best->first)
            best = {now, block};
    }
    return best ? std::optional{best->second} : std::nullopt;
}

bool is_able(worker_block const& its)
{
    return moves(its) && has_room(its);
}

bool is_anybody(worker_block const&)
{
    return true;
}

void settle(arena const& memory, doorbells const& bells)
{
    auto& turn = memory.head().turn;
    for (auto seen = turn.load();;) {
        auto const has_it = holder(seen);
        if (has_it && is_taker(memory, *has_it))
            return;
        auto const next = best_taker(memory, has_it.value_or(0), std::nullopt, is_anybody);
        if (!has_it && !next)
            return; // a taker that comes settles itself
        if (!turn.compare_exchange_strong(seen, passed_to(seen, next)))
            continue;
        if (next && *next < bells.size())
            bells.ring(*next);
        seen = turn.load(); // the next one may have left while the last one's block was joined anew
    }
}

// From the one that has it by `seen`, unless it has been passed since.
void pass_from(arena const& memory, doorbells const& bells, std::uint64_t seen, std::uint32_t to)
{
    if (!memory.head().turn.compare_exchange_strong(seen, passed_to(seen, to)))
        return;
    if (to < bells.size())
        bells.ring(to);
    settle(memory, bells);
}

} // namespace

void leave_turns(arena const& memory, doorbells const& bells, std::uint32_t block)
{
    clear_block(memory.head().takers, block);
    settle(memory, bells);
}

} // namespace shm

accept_turn::accept_turn(participant& who)
    : who_{who}
{
    auto const& memory = *who_.internals().memory;
    shm::set_block(memory.head().takers, who_.block());
    shm::settle(memory, who_.bells());
}

void accept_turn::leave()
{
    if (std::exchange(joined_, false))
        shm::leave_turns(*who_.internals().memory, who_.bells(), who_.block());
}

bool accept_turn::is_ours() const
{
    auto const& memory = *who_.internals().memory;
    if (auto& mark = memory.block(who_.block()).passed_over; mark.load(shm::relaxed) != 0)
        mark.store(0, shm::relaxed);
    return joined_ && shm::holder(memory.head().turn.load()) == who_.block();
}

bool accept_turn::has_room() const
{
    return shm::has_room(who_.internals().memory->block(who_.block()));
}

void accept_turn::pass(std::uint32_t to)
{
    auto const& memory = *who_.internals().memory;
    if (auto const seen = memory.head().turn.load(); shm::holder(seen) == who_.block())
        shm::pass_from(memory, who_.bells(), seen, to);
}

void accept_turn::balance()
{
    auto const& memory = *who_.internals().memory;
    if (!is_ours())
        return;
    auto const other = shm::best_taker(memory, who_.block(), who_.block(), shm::is_able);
    if (!other)
        return;
    auto const theirs = memory.block(*other).connections.load(shm::relaxed);
    auto const own = memory.block(who_.block()).connections.load(shm::relaxed);
    if (!has_room() || std::uint64_t{theirs} + shm::slack < own)
        pass(*other);
}

void accept_turn::offer()
{
    if (!is_ours())
        return;
    auto const idle = [](shm::worker_block const& its) {
        return shm::is_able(its) && its.in_flight.load(shm::relaxed) == 0;
    };
    if (auto const other =
            shm::best_taker(*who_.internals().memory, who_.block(), who_.block(), idle))
        pass(*other);
}

void accept_turn::pass_on()
{
    if (!is_ours())
        return;
    if (auto const other =
            shm::best_taker(*who_.internals().memory, who_.block(), who_.block(), shm::is_able))
        pass(*other);
}

void accept_turn::claim()
{
    auto const& memory = *who_.internals().memory;
    auto const seen = memory.head().turn.load();
    auto const other = shm::holder(seen);
    if (joined_ && has_room() && other && *other != who_.block() &&
        *other < memory.places().blocks && !shm::has_room(memory.block(*other)))
        shm::pass_from(memory, who_.bells(), seen, who_.block());
}

turn_watch::turn_watch(std::shared_ptr<shm::arena> memory, std::shared_ptr<doorbells const> bells)
    : memory_{std::move(memory)}
    , bells_{std::move(bells)}
{}

bool turn_watch::look()
{
    auto const turn = memory_->head().turn.load();
    auto const block = shm::holder(turn);
    if (!block || *block >= memory_->places().blocks || *block >= bells_->size()) {
        forget(); // nobody accepts
        return false;
    }
    auto& its = memory_->block(*block);
    sight const sees{turn, its.requests.load(shm::relaxed), its.connections.load(shm::relaxed)};
    if (std::exchange(seen_, sees) != sees)
        return false;
    auto const other = shm::best_taker(*memory_, *block, block, shm::is_able);
    if (!other)
        return false;
    // Before the bell: who hears it ends this.
    its.passed_over.store(1, shm::relaxed);
    shm::pass_from(*memory_, *bells_, turn, *other);
    bells_->ring(*block);
    return true;
}

void turn_watch::forget()
{
    seen_.reset();
}

} // namespace covey
