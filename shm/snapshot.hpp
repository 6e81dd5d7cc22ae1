// snapshot: a segment's contents in a file, by field name and member name.
//
// A msgpack file (docs/inspecting.md tells its form): the schema's text, then each field's rows
// with key, members by name, revision and the time they have left to live, a checksum a field and
// one of all. It is written beside its place, synced, and moved there, so a file of that name is a
// whole one. Saving reads as inspect does: workers go on writing, each row is one that was there,
// and rows that change meanwhile are in it as before or as after; it is no moment of the whole
// state, and no promise of durability.
//
// Loading is by name into another segment, whose schema may have changed: what still fits is loaded
// and the rest is told, field by field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace covey {

class inspect;
class segment;

struct snapshot_report
{
    std::uint64_t rows = 0;           // saved, loaded
    std::uint64_t left_out = 0;       // not loaded
    std::uint64_t revision = 0;       // no row in the file has a later one
    std::vector<std::string> notes{}; // "people: member age was u8 and is u16: converted"
};

// Not in the file: a gauge's shares and who holds what, for they are their workers'; of a lock its
// epoch is. Throws system_error when the file cannot be written, std::runtime_error when writers
// keep a row from being read; then what was at `path` is there still.
snapshot_report save_snapshot(inspect const& seen, std::string const& path);

// Before any worker has a block of the segment; throws std::logic_error otherwise. Every row gets a
// new revision, above all in the file. Items that were leased wait again, and their deliveries are
// counted anew. Throws system_error when the file cannot be read, std::runtime_error when it is no
// snapshot, or is cut off or changed anywhere: it is checked to its end before anything is loaded.
snapshot_report load_snapshot(segment const& into, std::string const& path);

} // namespace covey
