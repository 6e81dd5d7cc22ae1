// Loading a snapshot: what the file says, into what the segment has, by name.
#include "snapshot.hpp"

#include "arena.hpp"
#include "detail/participant_core.hpp"
#include "expiry.hpp"
#include "fifo.hpp"
#include "histogram_scale.hpp"
#include "inspect.hpp"
#include "lanes.hpp"
#include "row_lanes.hpp"
#include "schema_difference.hpp"
#include "snapshot_file.hpp"
#include "table.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>

namespace covey {

namespace {

std::string rows_text(std::uint64_t count)
{
    return std::to_string(count) + (count == 1 ? " row" : " rows");
}

// Takes a file's fields and entries as they come.
class loading
{
  public:
    loading(segment const& into, snapshot_report& report)
        : seen_{inspect::open(into.lend())}
        , who_{into, 0, doorbells{}} // nobody has a block yet, so the first is free to write with
        , core_{who_.internals()}
        , report_{report}
    {}

    void field(field_description const& was)
    {
        end_field();
        was_ = was;
        index_ = seen_.find(was.name);
        left_out_ = 0;
        taken_ = true;
        loaded_.insert(was.name);
        if (!index_)
            refuse("the state has no such field");
        else
            compare(seen_.described().fields[*index_]);
    }

    void entry(shm::snapshot_entry const& one)
    {
        std::string why = why_;
        if (taken_ && load(one, why)) {
            ++report_.rows;
            return;
        }
        if (left_out_++ == 0)
            first_left_out_ = why;
    }

    void end()
    {
        end_field();
        for (auto const& described : seen_.described().fields)
            if (!loaded_.contains(described.name))
                report_.notes.push_back(described.name + ": the file has no such field");
    }

  private:
    void note(std::string const& what) { report_.notes.push_back(was_.name + ": " + what); }

    void refuse(std::string const& why)
    {
        taken_ = false;
        why_ = why;
    }

    void end_field()
    {
        if (left_out_ != 0)
            note(rows_text(left_out_) + " left out: " + first_left_out_);
        else if (!taken_)
            note(why_);
        report_.left_out += std::exchange(left_out_, 0);
        taken_ = true;
    }

    void compare(field_description const& is)
    {
        if (is.kind != was_.kind)
            return refuse("it was a " + std::string{name(was_.kind)} + " and is a " +
                          std::string{name(is.kind)});
        if (is.key_type != was_.key_type)
            return refuse("its key was " + was_.key_type + " and is " + is.key_type);
        if (is.scale != was_.scale)
            return refuse("its scale was " + was_.scale + " and is " + is.scale);
        if (is.kind == field_kind::gauge)
            note("a gauge's shares end with their workers: it begins at 0");
        if (!has_rows(is.kind) || is.row_type == was_.row_type)
            return;
        if (is.bound != 0 || was_.bound != 0)
            return note("the row was " + was_.row_type + " and is " + is.row_type);
        for (auto const& what :
             differences(row_type::parse(was_.row_type), row_type::parse(is.row_type)))
            note(what);
    }

    shm::field_plan const& places() const { return core_.memory->places().fields[*index_]; }

    // The row in words, with room for an expiry.
    bool to_words(row_type const& type, row_value const& value, std::vector<std::uint64_t>& words,
                  std::string& why)
    {
        words.assign((type.size + 7) / 8 + 1, 0);
        return type.write(value, reinterpret_cast<std::byte*>(words.data()), why);
    }

    bool load(shm::snapshot_entry const& one, std::string& why)
    {
        std::vector<std::uint64_t> row;
        auto const* const type = seen_.rows_type(*index_);
        if (type != nullptr && !to_words(*type, one.row, row, why))
            return false;
        switch (was_.kind) {
        case field_kind::map:
        case field_kind::value:
            return load_row(one, row, why);
        case field_kind::ring:
            shm::row_lanes{core_, *index_}.append(row.data());
            return true;
        case field_kind::queue:
            return is_stored(shm::fifo{core_, *index_}.push(row.data()).result, why);
        case field_kind::histogram:
            return load_counts(one.row, why);
        default:
            return load_word(one.row) || is_stored(shm::outcome::kept, why);
        }
    }

    bool is_stored(shm::outcome result, std::string& why) const
    {
        why = result == shm::outcome::full ? "it is full" : "it cannot be written";
        return result == shm::outcome::stored;
    }

    bool load_row(shm::snapshot_entry const& one, std::vector<std::uint64_t> const& row,
                  std::string& why)
    {
        auto const& field = places();
        std::vector<std::uint64_t> key;
        if (auto const* const type = seen_.key_type(*index_);
            type != nullptr && !to_words(*type, one.key, key, why))
            return false;
        std::vector<std::uint64_t> slot(field.slot_words() + 1);
        auto const fill = [&](shm::current_row const&, std::uint64_t* next) {
            if (field.bound == 0)
                std::copy_n(row.begin(), field.row_words, next);
            if (field.keep.expires)
                next[field.row_words] = one.lives ? shm::expiry_of(ttl{*one.lives}) : 0;
            return true;
        };
        shm::table rows{core_, *index_};
        if (field.bound == 0)
            return is_stored(rows.write(key.data(), slot.data(), fill).result, why);
        auto const bytes = body_of(one.row);
        if (!bytes || bytes->size() > field.bound) {
            why = "a value does not fit " + seen_.described().fields[*index_].row_type;
            return false;
        }
        shm::next_body body{*bytes, true};
        return is_stored(rows.write(key.data(), slot.data(), fill, &body).result, why);
    }

    // The bytes of a text or of bytes.
    static std::optional<std::span<std::byte const>> body_of(row_value const& one)
    {
        if (auto const* const text = one.as<std::string>())
            return std::as_bytes(std::span{*text});
        if (auto const* const bytes = one.as<row_value::bytes>())
            return std::span{*bytes};
        return std::nullopt;
    }

    bool load_counts(row_value const& all, std::string& why)
    {
        why = "its counts are none";
        auto const* const counts = all["counts"].as<row_value::list>();
        auto const* const sum = number(all["sum"]);
        if (counts == nullptr || sum == nullptr)
            return false;
        for (auto const& one : *counts) {
            auto const* const pair = one.as<row_value::list>();
            auto const* const bucket = pair && pair->size() == 2 ? number((*pair)[0]) : nullptr;
            auto const* const count = bucket ? number((*pair)[1]) : nullptr;
            if (count == nullptr || *bucket < 0 ||
                static_cast<std::uint64_t>(*bucket) >= places().capacity)
                return false;
            add(shm::lane_of(*core_.memory, places(), 0, static_cast<std::uint64_t>(*bucket)),
                *count);
        }
        add(shm::lane_of(*core_.memory, places(), 0, places().capacity), *sum);
        return true;
    }

    static std::int64_t const* number(row_value const& of) { return of.as<std::int64_t>(); }
    static void add(shm::word& to, std::int64_t much)
    {
        to.fetch_add(static_cast<std::uint64_t>(much), std::memory_order_relaxed);
    }

    bool load_word(row_value const& one)
    {
        auto const& field = places();
        auto const& memory = *core_.memory;
        if (field.kind == field_kind::lock || field.kind == field_kind::leader) {
            auto const* const epoch = number(one["epoch"]);
            if (epoch != nullptr) // nobody holds it, and the next hold is above all before
                shm::shared_word_of(memory, field).store(static_cast<std::uint64_t>(*epoch) << 16);
            return epoch != nullptr;
        }
        if (field.kind == field_kind::rate_limiter) {
            auto const* const earned_in = number(one["earned_in"]);
            auto const now = std::chrono::steady_clock::now().time_since_epoch().count();
            if (earned_in != nullptr && *earned_in >= 0 && *earned_in <= earned_in_max)
                shm::shared_word_of(memory, field)
                    .store(static_cast<std::uint64_t>(now + *earned_in));
            return earned_in != nullptr;
        }
        auto const* const total = number(one);
        if (total == nullptr) // an extreme of nothing
            return one.is_null();
        auto& lane = shm::lane_of(memory, field, 0);
        if (field.kind == field_kind::counter)
            add(lane, *total);
        else
            lane.store(shm::extreme_of_number(field.kind, *total));
        return true;
    }

    static constexpr std::int64_t earned_in_max = std::int64_t{1} << 60; // 36 years

    inspect seen_;
    participant who_;
    participant::core& core_;
    snapshot_report& report_;
    field_description was_{};
    std::optional<std::uint32_t> index_{};
    std::set<std::string> loaded_{};
    std::uint64_t left_out_ = 0;
    std::string first_left_out_{};
    bool taken_ = true;
    std::string why_{};
};

} // namespace

snapshot_report load_snapshot(segment const& into, std::string const& path)
{
    for (std::uint32_t block = 0; block != into.blocks(); ++block)
        if (into.owner_of(block).pid != 0)
            throw std::logic_error{"a snapshot is loaded before any worker has a block"};
    shm::snapshot_reader const file{path};
    snapshot_report report{.revision = file.newest()};
    auto& revision = into.memory()->head().revision;
    revision.store(std::max(revision.load(), file.newest()));
    loading load{into, report};
    file.read([&](field_description const& one) { load.field(one); },
              [&](shm::snapshot_entry const& one) { load.entry(one); });
    load.end();
    return report;
}

} // namespace covey
