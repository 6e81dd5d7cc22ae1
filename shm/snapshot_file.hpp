// snapshot_file: the form of a snapshot's file: what follows what, checksums, how it gets its name.
//
//   ["covey snapshot", 1, {"segment", "revision", "taken", "schema"}]
//   for each field:  ["field", its line of the schema]
//                    ["rows", bin]...                    entries (snapshot_entry.hpp)
//                    ["end", entries, checksum of the bins]
//   ["whole", checksum of all bytes before it]
//
// Checksums are XXH3, 64 bits.
#pragma once

#include "detail/function_ref.hpp"
#include "schema.hpp"
#include "snapshot_entry.hpp"

#include <chrono>
#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <memory>
#include <string>

namespace covey::shm {

struct snapshot_head
{
    std::string segment;
    std::uint64_t revision = 0; // before the first entry was read: some have later ones
    std::chrono::system_clock::time_point taken{};
    std::string schema;
};

// All throw system_error when the file cannot be written. Without commit() nothing remains.
class snapshot_writer
{
  public:
    snapshot_writer(std::string path, snapshot_head const& head);
    ~snapshot_writer();
    snapshot_writer(snapshot_writer const&) = delete;
    snapshot_writer& operator=(snapshot_writer const&) = delete;

    void begin_field(std::string const& line);
    void add(snapshot_entry const& entry);
    void end_field();
    void commit(); // synced, then moved to its path

  private:
    struct state;
    std::unique_ptr<state> state_;
};

// Opens the file and checks it to its end, entry by entry; throws as load_snapshot says.
class snapshot_reader
{
  public:
    explicit snapshot_reader(std::string const& path);

    snapshot_head const& head() const { return head_; }
    std::uint64_t newest() const { return newest_; } // no entry has a later revision

    // Calls field() with each field's description and then entry() with its entries.
    using field_visitor = detail::function_ref<void(field_description const&)>;
    using entry_visitor = detail::function_ref<void(snapshot_entry const&)>;
    void read(field_visitor field, entry_visitor entry) const;

  private:
    std::uint64_t check_whole() const; // bytes before the last record

    std::string path_;
    handle file_;
    snapshot_head head_;
    std::uint64_t newest_ = 0;
};

} // namespace covey::shm
