#include "segment.hpp"

#include "arena.hpp"
#include "available_memory.hpp"
#include "commit.hpp"
#include "doorbell.hpp"
#include "error.hpp"
#include "fenced_word.hpp"
#include "fifo.hpp"
#include "lanes.hpp"
#include "recovery.hpp"
#include "schema_difference.hpp"
#include "transaction_log.hpp"
#include "turn.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace covey {

using boost::system::system_error;

namespace {

[[noreturn]] void fail(int number, std::string const& doing)
{
    throw system_error{number, boost::system::system_category(), doing};
}

handle make_memory(std::string const& name, std::uint64_t bytes)
{
    if (auto const available = shm::available_memory(); bytes > available)
        fail(ENOMEM, "the state needs " + std::to_string(bytes) + " bytes of shared memory and " +
                         std::to_string(available) + " are available; lower a capacity");
    handle memory{::memfd_create(("covey:" + name).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!memory.is_open())
        fail(errno, "make shared memory");
    // Allocated now: a shortage is an error here, never SIGBUS in the middle of a write.
    if (int const failed = ::posix_fallocate(memory.get(), 0, static_cast<off_t>(bytes)))
        fail(failed, "allocate " + std::to_string(bytes) + " bytes of shared memory");
    if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        fail(errno, "seal shared memory");
    return memory;
}

void hint_all(shm::arena const& memory, std::uint64_t hints, std::uint64_t count)
{
    for (std::uint64_t i = 0; i != count; ++i)
        memory.at<shm::word>(hints + i / 64 * sizeof(shm::word))
            .fetch_or(std::uint64_t{1} << i % 64, std::memory_order_relaxed);
}

// From the segment's schema to the program's, a line each; nothing where the text cannot be read.
std::string told_differences(std::string const& theirs, schema const& mine)
{
    std::string out;
    try {
        for (auto const& what : differences(schema::parse(theirs), mine))
            out += what + "\n";
    } catch (std::invalid_argument const&) {
        out.clear();
    }
    return out;
}

void initialise_field(shm::arena const& memory, shm::field_plan const& field,
                      field_description const& described)
{
    for (std::uint32_t shard = 0; shard != field.shard_count; ++shard)
        memory.shard(field, shard).lock.initialise();
    if (field.free_hints != 0)
        hint_all(memory, field.free_hints, field.capacity);
    if (field.chunks != 0)
        hint_all(memory, field.chunk_hints, field.chunks);
    if (field.kind == field_kind::value)
        std::copy(described.initial.begin(), described.initial.end(),
                  memory.slot(field.cells, field, 0) + 1);
}

} // namespace

segment::segment(std::shared_ptr<shm::arena> memory)
    : memory_{std::move(memory)}
{}
segment::segment(segment&&) noexcept = default;
segment& segment::operator=(segment&&) noexcept = default;
segment::~segment() = default;

segment segment::create(schema const& described, std::uint32_t blocks, std::string const& name)
{
    auto places = shm::make_plan(described, blocks);
    auto memory = make_memory(name, places.bytes);
    auto made = std::make_shared<shm::arena>(std::move(memory), std::move(places));
    auto& head = made->head();
    head.magic = shm::magic;
    head.layout_version = shm::layout_version;
    head.line = shm::line_bytes;
    head.bytes = made->places().bytes;
    head.fingerprint = described.fingerprint();
    head.blocks = blocks;
    head.fields = static_cast<std::uint32_t>(described.fields.size());
    if (::getrandom(&head.secret, sizeof head.secret, 0) != sizeof head.secret)
        fail(errno, "draw a random number");
    auto const text = described.text();
    head.schema_text_bytes = text.size();
    std::memcpy(&made->at<char>(made->places().schema_text), text.data(), text.size());
    name.copy(head.name, sizeof head.name - 1);
    for (std::uint32_t block = 0; block != blocks; ++block)
        made->transaction(block).settling.initialise();
    for (std::size_t i = 0; i != described.fields.size(); ++i)
        initialise_field(*made, made->places().fields[i], described.fields[i]);
    head.ready.store(1, std::memory_order_release); // last: half a segment is never attached
    return segment{std::move(made)};
}

segment segment::attach(handle const& lent, schema const& expected)
{
    struct ::stat found
    {};
    shm::header head;
    std::memset(static_cast<void*>(&head), 0, sizeof head);
    if (::fstat(lent.get(), &found) != 0 ||
        ::pread(lent.get(), &head, sizeof head, 0) != static_cast<ssize_t>(sizeof head) ||
        head.magic != shm::magic)
        throw system_error{make_error_code(shm::error::not_a_segment)};
    if (head.ready.load(std::memory_order_acquire) != 1)
        throw system_error{make_error_code(shm::error::not_ready)};
    if (head.layout_version != shm::layout_version || head.line != shm::line_bytes ||
        head.bytes != static_cast<std::uint64_t>(found.st_size) || head.blocks == 0 ||
        head.blocks > blocks_max)
        throw system_error{make_error_code(shm::error::wrong_layout)};

    auto places = shm::make_plan(expected, head.blocks);
    auto const mine = expected.text();
    std::string theirs(std::min<std::uint64_t>(head.schema_text_bytes, 1 << 20), '\0');
    if (::pread(lent.get(), theirs.data(), theirs.size(), static_cast<off_t>(places.schema_text)) !=
        static_cast<ssize_t>(theirs.size()))
        throw system_error{make_error_code(shm::error::not_a_segment)};
    if (head.fingerprint != expected.fingerprint() || theirs != mine)
        throw system_error{make_error_code(shm::error::schema_differs),
                           told_differences(theirs, expected) + "the segment's schema:\n" + theirs +
                               "this program's schema:\n" + mine};
    if (places.bytes != head.bytes)
        throw system_error{make_error_code(shm::error::wrong_layout)};
    return segment{std::make_shared<shm::arena>(lent.duplicate(), std::move(places))};
}

handle segment::lend() const
{
    return memory_->memory().duplicate();
}

handle segment::lend_read_only() const
{
    // A descriptor keeps the rights it was opened with, so this is another open file.
    auto const path = "/proc/self/fd/" + std::to_string(memory_->memory().get());
    handle out{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!out.is_open())
        fail(errno, "open shared memory for reading");
    return out;
}

std::uint64_t segment::bytes() const
{
    return memory_->places().bytes;
}

std::uint32_t segment::blocks() const
{
    return memory_->places().blocks;
}

std::uint64_t segment::revision() const
{
    return memory_->head().revision.load(std::memory_order_acquire);
}

std::string segment::name() const
{
    auto const& text = memory_->head().name;
    return {text, ::strnlen(text, sizeof text)};
}

namespace {

// Stages of a death, in worker_block::open: until the last one is over, others do not wait for the
// ring that the dead worker owes.
enum : std::uint32_t { is_free = 0, is_open = 1, was_rung_for = 2, was_settled = 3 };

} // namespace

void segment::open_block(std::uint32_t block, block_owner const& owner)
{
    auto& its = memory_->block(block);
    its.pid.store(owner.pid, std::memory_order_relaxed);
    its.id.store(owner.id, std::memory_order_relaxed);
    its.generation.store(owner.generation, std::memory_order_relaxed);
    its.seat.store(owner.seat, std::memory_order_relaxed);
    its.open.store(is_open, std::memory_order_release);
}

namespace {

// What ends with a worker: its share of a level, what it held, what it was at.
void take_back(shm::arena const& memory, shm::field_plan const& field, std::uint32_t block)
{
    if (field.kind == field_kind::gauge)
        shm::lane_of(memory, field, block).store(0, std::memory_order_relaxed);
    if (field.keep.expires) // it may have been searching; whoever comes next searches anew
        memory.at<shm::clock_block>(field.clock).next_expiry.store(1, std::memory_order_release);
    if (field.kind != field_kind::lock && field.kind != field_kind::leader)
        return;
    auto& held = shm::shared_word_of(memory, field);
    auto const by = shm::holder_in(held.load(std::memory_order_acquire));
    if (by && by->block == block)
        shm::end_hold(held, *by);
}

// Once a stage; then the reaper comes again.
bool not_yet(shm::worker_block& its, std::uint32_t stage, doorbells const& bells)
{
    if (auto const now = its.open.load(std::memory_order_relaxed); now != is_free && now < stage) {
        bells.ring_all();
        its.open.store(stage, std::memory_order_relaxed);
    }
    return false;
}

} // namespace

bool segment::reap_block(std::uint32_t block, doorbells const& bells)
{
    auto& its = memory_->block(block);
    auto const& fields = memory_->places().fields;
    if (its.intent.armed.load(std::memory_order_acquire) != 0) {
        auto const what = shm::read_intent(its.intent);
        if (what.field < fields.size() && what.shard < fields[what.field].shard_count) {
            shm::shard_lock lock{*memory_, what.field, what.shard};
            if (!lock.try_lock_once()) // inherits and repairs, or somebody else is at it
                return not_yet(its, was_rung_for, bells);
            lock.unlock();
        }
        // Repaired. Were it armed still, its writer had written it without the lock.
        its.intent.armed.store(0, std::memory_order_release);
    }
    if (!shm::end_transaction(*memory_, block))
        return not_yet(its, was_settled, bells);
    for (std::uint32_t i = 0; i != fields.size(); ++i)
        if (fields[i].kind == field_kind::queue && !shm::return_leases(*memory_, i, block))
            return not_yet(its, was_settled, bells);
    shm::clear_block(memory_->head().armed, block);
    for (auto const& field : fields) {
        shm::clear_block(memory_->at<shm::block_set>(field.subscribers), block);
        take_back(*memory_, field, block);
    }
    shm::silence_bell(*memory_, block);
    its.connections.store(0, std::memory_order_relaxed);
    its.in_flight.store(0, std::memory_order_relaxed);
    its.requests.store(0, std::memory_order_relaxed);
    its.limit.store(0, std::memory_order_relaxed);
    its.pid.store(0, std::memory_order_relaxed);
    its.passed_over.store(0, std::memory_order_relaxed);
    its.appending.store(0, std::memory_order_release); // what it has not appended it never will
    its.open.store(is_free, std::memory_order_release);
    shm::leave_turns(*memory_, bells, block);
    // It may have died between its commit and its ring, or between passing its turn and ringing.
    bells.ring_all();
    return true;
}

worker_load segment::load_of(std::uint32_t block) const
{
    using shm::relaxed;
    auto const& its = memory_->block(block);
    return {.connections = its.connections.load(relaxed),
            .in_flight = its.in_flight.load(relaxed),
            .requests = its.requests.load(relaxed),
            .limit = ~its.limit.load(relaxed)};
}

std::uint64_t segment::beats_of(std::uint32_t block) const
{
    return memory_->block(block).beats.load(std::memory_order_relaxed);
}

block_owner segment::owner_of(std::uint32_t block) const
{
    using shm::relaxed;
    auto const& its = memory_->block(block);
    return {.pid = its.pid.load(relaxed),
            .id = its.id.load(relaxed),
            .generation = its.generation.load(relaxed),
            .seat = its.seat.load(relaxed)};
}

namespace {

shm::half_word* mark_of(shm::arena const& memory, region where)
{
    auto const& fields = memory.places().fields;
    if (where.field >= fields.size() || where.shard >= fields[where.field].shard_count)
        return nullptr;
    return &memory.shard(fields[where.field], where.shard).quarantined;
}

} // namespace

void segment::quarantine(region where, bool on)
{
    if (auto* const mark = mark_of(*memory_, where))
        mark->store(on ? 1 : 0, std::memory_order_release);
}

bool segment::is_quarantined(region where) const
{
    auto const* const mark = mark_of(*memory_, where);
    return mark != nullptr && mark->load(std::memory_order_acquire) != 0;
}

std::vector<region> segment::quarantined() const
{
    std::vector<region> out;
    auto const& fields = memory_->places().fields;
    for (region at; at.field != fields.size(); ++at.field)
        for (at.shard = 0; at.shard != fields[at.field].shard_count; ++at.shard)
            if (is_quarantined(at))
                out.push_back(at);
    return out;
}

void segment::end_quarantines()
{
    for (auto const where : quarantined())
        quarantine(where, false);
}

std::vector<repair_report> segment::repairs() const
{
    return shm::repairs(*memory_);
}

} // namespace covey
