// std::unordered_map, which no other process sees, and a map of Boost.Interprocess behind one lock.
#include "play.hpp"
#include "store.hpp"

#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <boost/interprocess/containers/map.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <cstring>
#include <functional>
#include <string>
#include <unordered_map>

namespace covey::bench {

namespace {

namespace bip = boost::interprocess;

struct view_hash
{
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const
    {
        return std::hash<std::string_view>{}(key);
    }
};

class unordered_map_of_rows
{
  public:
    explicit unordered_map_of_rows(std::uint64_t keys) { rows_.reserve(keys); }

    void put(std::string_view key, row const& value)
    {
        if (auto const found = rows_.find(key); found != rows_.end())
            found->second = value;
        else
            rows_.emplace(key, value);
    }
    bool get(std::string_view key, row& value) const
    {
        auto const found = rows_.find(key);
        if (found == rows_.end())
            return false;
        value = found->second;
        return true;
    }

  private:
    std::unordered_map<std::string, row, view_hash, std::equal_to<>> rows_;
};

// Keys of a fixed size, so that looking one up allocates nothing.
class interprocess_map
{
  public:
    explicit interprocess_map(std::uint64_t keys)
        : memory_{bip::anonymous_shared_memory((1U << 20) + keys * bytes_per_row)}
        , heap_{bip::create_only, memory_.get_address(), memory_.get_size()}
        , shared_{heap_.construct<shared>(bip::unique_instance)(heap_.get_segment_manager())}
    {}

    void put(std::string_view key, row const& value)
    {
        auto const name = fixed(key);
        bip::scoped_lock<bip::interprocess_mutex> const held{shared_->lock};
        shared_->rows.insert_or_assign(name, value);
    }
    bool get(std::string_view key, row& value) const
    {
        auto const name = fixed(key);
        bip::scoped_lock<bip::interprocess_mutex> const held{shared_->lock};
        auto const found = shared_->rows.find(name);
        if (found == shared_->rows.end())
            return false;
        value = found->second;
        return true;
    }

  private:
    using fixed_key = std::array<unsigned char, key_name::bytes>;
    using heap = bip::managed_external_buffer;
    using row_allocator = bip::allocator<std::pair<fixed_key const, row>, heap::segment_manager>;
    struct shared
    {
        explicit shared(heap::segment_manager* from)
            : rows{row_allocator{from}}
        {}
        bip::interprocess_mutex lock;
        bip::map<fixed_key, row, std::less<>, row_allocator> rows;
    };
    static constexpr std::uint64_t bytes_per_row = 256;

    static fixed_key fixed(std::string_view key)
    {
        fixed_key out;
        std::memcpy(out.data(), key.data(), out.size());
        return out;
    }

    bip::mapped_region memory_;
    heap heap_;
    shared* shared_;
};

} // namespace

store unordered_map_store()
{
    return {.name = "unordered_map", .players = 1, .start = [](site const& where) {
                return running_store{
                    {}, {}, fork_players(where, [&](unsigned player, player_socket& orders) {
                        unordered_map_of_rows rows{where.keys};
                        fill(rows, where.keys);
                        play_all(orders, player, rows, where.keys);
                    })};
            }};
}

store interprocess_store()
{
    return {.name = "interprocess", .start = [](site const& where) {
                auto const map = std::make_shared<interprocess_map>(where.keys);
                fill(*map, where.keys);
                return running_store{
                    map, {}, fork_players(where, [&](unsigned player, player_socket& orders) {
                        play_all(orders, player, *map, where.keys);
                    })};
            }};
}

} // namespace covey::bench
