#include "inspect.hpp"

#include "arena.hpp"
#include "error.hpp"
#include "recovery.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace covey {

using boost::system::system_error;

namespace {

constexpr std::uint64_t schema_text_max = 1 << 20;

[[noreturn]] void refuse(shm::error why, std::string const& what = {})
{
    if (what.empty())
        throw system_error{make_error_code(why)};
    throw system_error{make_error_code(why), what};
}

// Of this size for ever: a map of it never ends in SIGBUS.
std::uint64_t sealed_size(handle const& lent)
{
    struct ::stat found
    {};
    int const seals = ::fcntl(lent.get(), F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || ::fstat(lent.get(), &found) != 0)
        refuse(shm::error::not_a_segment);
    return static_cast<std::uint64_t>(found.st_size);
}

// A copy that has been checked, all but the schema. Atomics are not copied by assignment, so it
// comes as bytes.
void read_header(handle const& lent, std::uint64_t size, shm::header& head)
{
    std::memset(static_cast<void*>(&head), 0, sizeof head);
    if (::pread(lent.get(), &head, sizeof head, 0) != static_cast<ssize_t>(sizeof head) ||
        head.magic != shm::magic)
        refuse(shm::error::not_a_segment);
    if (head.layout_version != shm::layout_version || head.line != shm::line_bytes)
        refuse(shm::error::wrong_layout,
               "the segment has layout version " + std::to_string(head.layout_version) +
                   " and lines of " + std::to_string(head.line) + " bytes; this program reads " +
                   std::to_string(shm::layout_version) + " and " + std::to_string(shm::line_bytes));
    if (head.ready.load(std::memory_order_acquire) != 1)
        refuse(shm::error::not_ready);
    if (head.bytes != size)
        refuse(shm::error::wrong_layout, "the segment says it has " + std::to_string(head.bytes) +
                                             " bytes and has " + std::to_string(size));
    if (head.blocks == 0 || head.blocks > shm::blocks_max)
        refuse(shm::error::wrong_layout,
               "the segment says it has " + std::to_string(head.blocks) + " blocks");
}

schema read_schema(handle const& lent, shm::header const& head)
{
    if (head.schema_text_bytes > schema_text_max)
        refuse(shm::error::bad_schema, "its text is said to be longer than a megabyte");
    std::string text(head.schema_text_bytes, '\0');
    if (::pread(lent.get(), text.data(), text.size(),
                static_cast<off_t>(shm::schema_text_offset())) != static_cast<ssize_t>(text.size()))
        refuse(shm::error::bad_schema, "its text ends with the segment");
    try {
        auto out = schema::parse(text);
        if (out.text() != text || out.fingerprint() != head.fingerprint ||
            out.fields.size() != head.fields)
            refuse(shm::error::bad_schema, "its text is not the one that was written");
        return out;
    } catch (std::invalid_argument const& failed) {
        refuse(shm::error::bad_schema, failed.what());
    }
}

shm::plan make_places(schema const& described, shm::header const& head)
{
    try {
        auto out = shm::make_plan(described, head.blocks);
        if (out.bytes == head.bytes)
            return out;
        refuse(shm::error::wrong_layout, "the segment has " + std::to_string(head.bytes) +
                                             " bytes and its schema needs " +
                                             std::to_string(out.bytes));
    } catch (std::invalid_argument const& failed) {
        refuse(shm::error::bad_schema, failed.what());
    }
}

} // namespace

inspect inspect::open(handle const& lent)
{
    shm::header head;
    read_header(lent, sealed_size(lent), head);
    auto described = read_schema(lent, head);
    auto places = make_places(described, head);
    return inspect{
        std::make_shared<shm::arena>(lent.duplicate(), std::move(places), shm::access::read_only),
        std::move(described)};
}

inspect inspect::over(segment const& attached, schema described)
{
    return inspect{attached.memory(), std::move(described)};
}

inspect::inspect(std::shared_ptr<shm::arena> memory, schema described)
    : memory_{std::move(memory)}
    , schema_{std::move(described)}
{
    for (auto const& field : schema_.fields) {
        auto& made = types_.emplace_back();
        if (!field.key_type.empty())
            made.key = row_type::parse(field.key_type);
        if (has_rows(field.kind) && field.bound == 0)
            made.row = row_type::parse(field.row_type);
    }
}

std::string inspect::name() const
{
    auto const& text = memory_->head().name;
    return {text, ::strnlen(text, sizeof text)};
}

std::uint64_t inspect::bytes() const
{
    return memory_->places().bytes;
}

std::uint64_t inspect::revision() const
{
    return memory_->head().revision.load(std::memory_order_acquire);
}

std::optional<std::uint32_t> inspect::find(std::string_view field) const
{
    for (std::uint32_t i = 0; i != schema_.fields.size(); ++i)
        if (schema_.fields[i].name == field)
            return i;
    return std::nullopt;
}

row_type const* inspect::key_type(std::uint32_t field) const
{
    auto const& type = types_.at(field).key;
    return type ? &*type : nullptr;
}

row_type const* inspect::rows_type(std::uint32_t field) const
{
    auto const& type = types_.at(field).row;
    return type ? &*type : nullptr;
}

std::vector<repair_report> inspect::repairs() const
{
    return shm::repairs(*memory_);
}

std::vector<memory_part> inspect::memory() const
{
    auto const& places = memory_->places();
    // Each part reaches to where the next begins.
    std::vector<std::pair<std::string, std::uint64_t>> starts{
        {"header", 0},
        {"schema", places.schema_text},
        {"blocks", places.worker_blocks},
        {"transactions", places.transactions},
        {"cursors", places.cursors},
        {"repair log", places.repair_log},
        {"statistics", places.statistics},
        {"rings of changes", places.rings},
    };
    for (std::size_t i = 0; i != places.fields.size(); ++i)
        starts.emplace_back("field " + schema_.fields[i].name, places.fields[i].subscribers);
    std::ranges::sort(starts, {}, &std::pair<std::string, std::uint64_t>::second);
    std::vector<memory_part> out;
    for (std::size_t i = 0; i != starts.size(); ++i) {
        auto const end = i + 1 == starts.size() ? places.bytes : starts[i + 1].second;
        out.push_back({.name = starts[i].first, .bytes = end - starts[i].second});
    }
    return out;
}

} // namespace covey
