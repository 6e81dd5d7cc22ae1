#include "snapshot_file.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <msgpack.hpp>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>
#include <xxhash.h>

namespace covey::shm {

namespace {

constexpr std::string_view title = "covey snapshot";
constexpr std::uint32_t version = 1;
constexpr std::uint64_t revision_max = std::uint64_t{1} << 62;
constexpr std::size_t piece_bytes = 256 * 1024;
constexpr std::size_t last_record_bytes = 1 + 6 + 9; // ["whole", a number in 8 bytes]

[[noreturn]] void fail(std::string const& doing)
{
    throw boost::system::system_error{errno, boost::system::system_category(), doing};
}

[[noreturn]] void refuse(std::string const& path, std::string const& why)
{
    throw std::runtime_error{path + ": " + why + "; nothing was loaded"};
}

std::string folder_of(std::string const& path)
{
    auto const folder = std::filesystem::path{path}.parent_path();
    return folder.empty() ? "." : folder.string();
}

using hash_state = std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)>;

hash_state new_hash_state()
{
    return {XXH3_createState(), &XXH3_freeState};
}

} // namespace

// ---- writing ----

struct snapshot_writer::state
{
    std::string path;
    std::string temporary;
    handle file;
    hash_state whole = new_hash_state();
    hash_state of_field = new_hash_state();
    std::uint64_t entries = 0;
    std::string rows{};

    state(std::string to)
        : path{std::move(to)}
        , temporary{path + ".XXXXXX"}
        , file{::mkostemp(temporary.data(), O_CLOEXEC)}
    {
        if (!file.is_open())
            fail("make a file beside " + path);
        XXH3_64bits_reset(whole.get());
    }
    ~state()
    {
        if (!temporary.empty())
            ::unlink(temporary.c_str());
    }

    void put(msgpack::sbuffer const& bytes)
    {
        XXH3_64bits_update(whole.get(), bytes.data(), bytes.size());
        for (std::size_t done = 0; done != bytes.size();) {
            auto const wrote = ::write(file.get(), bytes.data() + done, bytes.size() - done);
            if (wrote < 0 && errno != EINTR)
                fail("write " + temporary);
            done += wrote < 0 ? 0 : static_cast<std::size_t>(wrote);
        }
    }

    void put_rows()
    {
        XXH3_64bits_update(of_field.get(), rows.data(), rows.size());
        msgpack::sbuffer out;
        msgpack::packer to{out};
        to.pack_array(2).pack("rows").pack_bin(static_cast<std::uint32_t>(rows.size()));
        to.pack_bin_body(rows.data(), static_cast<std::uint32_t>(rows.size()));
        put(out);
        rows.clear();
    }
};

snapshot_writer::snapshot_writer(std::string path, snapshot_head const& head)
    : state_{std::make_unique<state>(std::move(path))}
{
    msgpack::sbuffer out;
    msgpack::packer to{out};
    to.pack_array(3).pack(std::string{title}).pack(version).pack_map(4);
    to.pack("segment").pack(head.segment);
    to.pack("revision").pack(head.revision);
    to.pack("taken").pack(
        std::chrono::duration_cast<std::chrono::nanoseconds>(head.taken.time_since_epoch())
            .count());
    to.pack("schema").pack(head.schema);
    state_->put(out);
}

snapshot_writer::~snapshot_writer() = default;

void snapshot_writer::begin_field(std::string const& line)
{
    msgpack::sbuffer out;
    msgpack::packer{out}.pack_array(2).pack("field").pack(line);
    state_->put(out);
    state_->entries = 0;
    XXH3_64bits_reset(state_->of_field.get());
}

void snapshot_writer::add(snapshot_entry const& entry)
{
    pack(state_->rows, entry);
    ++state_->entries;
    if (state_->rows.size() >= piece_bytes)
        state_->put_rows();
}

void snapshot_writer::end_field()
{
    if (!state_->rows.empty())
        state_->put_rows();
    msgpack::sbuffer out;
    msgpack::packer to{out};
    to.pack_array(3).pack("end").pack(state_->entries);
    to.pack(std::uint64_t{XXH3_64bits_digest(state_->of_field.get())});
    state_->put(out);
}

void snapshot_writer::commit()
{
    auto const sum = XXH3_64bits_digest(state_->whole.get());
    msgpack::sbuffer out;
    msgpack::packer{out}.pack_array(2).pack("whole").pack_fix_uint64(sum);
    state_->put(out);
    if (::fsync(state_->file.get()) != 0)
        fail("sync " + state_->temporary);
    if (::rename(state_->temporary.c_str(), state_->path.c_str()) != 0)
        fail("move a file to " + state_->path);
    state_->temporary.clear();
    // The name, too, is to outlive a loss of power.
    handle const folder{::open(folder_of(state_->path).c_str(), O_RDONLY | O_CLOEXEC)};
    if (!folder.is_open() || ::fsync(folder.get()) != 0)
        fail("sync the folder of " + state_->path);
}

// ---- reading ----

namespace {

// Records of a file, one by one.
class record_stream
{
  public:
    record_stream(handle const& file, std::uint64_t end)
        : file_{file}
        , end_{end}
    {}

    // False at the end. Throws msgpack's errors for what is no record.
    bool next(msgpack::object_handle& out)
    {
        while (!unpacker_.next(out)) {
            if (at_ == end_)
                return false;
            auto const wanted = std::min<std::uint64_t>(piece_bytes, end_ - at_);
            unpacker_.reserve_buffer(wanted);
            auto const got =
                ::pread(file_.get(), unpacker_.buffer(), wanted, static_cast<off_t>(at_));
            if (got <= 0)
                fail("read a snapshot");
            unpacker_.buffer_consumed(static_cast<std::size_t>(got));
            at_ += static_cast<std::uint64_t>(got);
        }
        return true;
    }

  private:
    handle const& file_;
    std::uint64_t at_ = 0;
    std::uint64_t end_;
    msgpack::unpacker unpacker_;
};

// The items of a record that begins with this word; null when it is another.
msgpack::object const* items_of(msgpack::object const& record, std::string_view word,
                                std::size_t count)
{
    if (record.type != msgpack::type::ARRAY || record.via.array.size != count ||
        record.via.array.ptr[0].type != msgpack::type::STR ||
        record.via.array.ptr[0].as<std::string>() != word)
        return nullptr;
    return record.via.array.ptr;
}

snapshot_head head_of(msgpack::object const& record)
{
    auto const* const items = items_of(record, title, 3);
    if (items == nullptr)
        throw std::runtime_error{"it is no snapshot"};
    if (items[1].as<std::uint32_t>() != version)
        throw std::runtime_error{"it has version " + std::to_string(items[1].as<std::uint32_t>()) +
                                 ", this program reads " + std::to_string(version)};
    snapshot_head out;
    auto const members = items[2].as<std::map<std::string, msgpack::object>>();
    out.segment = members.at("segment").as<std::string>();
    out.schema = members.at("schema").as<std::string>();
    out.revision = members.at("revision").as<std::uint64_t>();
    out.taken = std::chrono::system_clock::time_point{
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            std::chrono::nanoseconds{members.at("taken").as<std::int64_t>()})};
    return out;
}

// What a field's records add up to, against what its end says.
class field_sum
{
  public:
    void begin()
    {
        XXH3_64bits_reset(sum_.get());
        entries_ = 0;
    }
    void add(msgpack::object const& bin, snapshot_reader::entry_visitor visit)
    {
        auto const& bytes = bin.via.bin;
        XXH3_64bits_update(sum_.get(), bytes.ptr, bytes.size);
        for (std::size_t at = 0; at != bytes.size; ++entries_)
            visit(unpack({bytes.ptr, bytes.size}, at));
    }
    bool is(msgpack::object const* end) const
    {
        return end[1].as<std::uint64_t>() == entries_ &&
               end[2].as<std::uint64_t>() == XXH3_64bits_digest(sum_.get());
    }

  private:
    hash_state sum_ = new_hash_state();
    std::uint64_t entries_ = 0;
};

} // namespace

std::uint64_t snapshot_reader::check_whole() const
{
    struct ::stat found
    {};
    if (::fstat(file_.get(), &found) != 0)
        fail("look at " + path_);
    auto const size = static_cast<std::uint64_t>(found.st_size);
    if (size < last_record_bytes)
        refuse(path_, "it is no snapshot, or its end is missing");
    auto const sum = new_hash_state();
    XXH3_64bits_reset(sum.get());
    auto const end = size - last_record_bytes;
    std::vector<char> bytes(piece_bytes);
    for (std::uint64_t at = 0; at != end;) {
        auto const wanted = std::min<std::uint64_t>(bytes.size(), end - at);
        auto const got = ::pread(file_.get(), bytes.data(), wanted, static_cast<off_t>(at));
        if (got <= 0)
            fail("read " + path_);
        XXH3_64bits_update(sum.get(), bytes.data(), static_cast<std::size_t>(got));
        at += static_cast<std::uint64_t>(got);
    }
    std::string last(last_record_bytes, '\0');
    if (::pread(file_.get(), last.data(), last.size(), static_cast<off_t>(end)) !=
        static_cast<ssize_t>(last.size()))
        fail("read " + path_);
    msgpack::sbuffer wanted;
    msgpack::packer{wanted}.pack_array(2).pack("whole").pack_fix_uint64(
        XXH3_64bits_digest(sum.get()));
    if (last != std::string_view{wanted.data(), wanted.size()})
        refuse(path_, "its checksum is wrong: it is cut off or was changed");
    return end;
}

snapshot_reader::snapshot_reader(std::string const& path)
    : path_{path}
    , file_{::open(path.c_str(), O_RDONLY | O_CLOEXEC)}
{
    if (!file_.is_open())
        fail("open " + path);
    msgpack::object_handle record;
    try {
        record_stream records{file_, check_whole()};
        if (!records.next(record))
            refuse(path, "it is empty");
        head_ = head_of(record.get());
        newest_ = head_.revision;
        read([](auto const&) {},
             [&](auto const& one) { newest_ = std::max(newest_, one.revision); });
        if (newest_ > revision_max)
            refuse(path, "a revision is greater than any that a segment comes to");
    } catch (msgpack::unpack_error const& failed) {
        refuse(path, std::string{"it is no snapshot: "} + failed.what());
    } catch (msgpack::type_error const&) {
        refuse(path, "a record is not of its type");
    } catch (std::logic_error const& failed) { // a schema's line, a member that is missing
        refuse(path, failed.what());
    }
}

void snapshot_reader::read(field_visitor field, entry_visitor entry) const
{
    record_stream records{file_, check_whole()};
    msgpack::object_handle record;
    field_sum sum;
    bool open = false;
    records.next(record); // the head
    while (records.next(record)) {
        auto const& it = record.get();
        if (auto const* const begins = items_of(it, "field", 2); begins && !open) {
            field(schema::parse(begins[1].as<std::string>()).fields.at(0));
            sum.begin();
            open = true;
        } else if (auto const* const rows = items_of(it, "rows", 2);
                   rows && open && rows[1].type == msgpack::type::BIN) {
            sum.add(rows[1], entry);
        } else if (auto const* const ends = items_of(it, "end", 3); ends && open) {
            if (!sum.is(ends))
                refuse(path_, "a field's checksum is wrong");
            open = false;
        } else {
            refuse(path_, "a record is out of place");
        }
    }
    if (open)
        refuse(path_, "a field does not end");
}

} // namespace covey::shm
