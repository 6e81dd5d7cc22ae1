// store: one way for processes to share rows by key, as the bench compares them.
#pragma once

#include "order.hpp"

#include <cstdint>
#include <functional>
#include <harness_child.hpp>
#include <harness_peer.hpp>
#include <harness_scratch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace covey::bench {

// Where a store is set up: how much it holds, who is to come to the desk, what files it may leave.
struct site
{
    std::uint64_t keys = 0;
    unsigned players = 0;
    std::string desk; // the order desk's path
    scratch const* files = nullptr;
};

// What goes on until it is destroyed: players first, then what they share.
struct running_store
{
    std::shared_ptr<void> shared = {};
    std::vector<peer_program> programs = {};
    std::vector<child> players = {};
};

struct store
{
    std::string name;
    unsigned players = 2; // processes that can share it
    std::function<std::string()> missing = [] { return std::string{}; }; // what is not installed
    std::function<running_store(site const&)> start = {};
};

// Those of bench/README.md's table, covey's first.
std::vector<store> stores();

store covey_store();
store plain_table_store();
store unordered_map_store();
store interprocess_store();
store lmdb_store();
store shared_dict_store(); // nginx, Lua
store apcu_store();        // PHP
store redis_store();

// Covey's other kinds, an operation each, and the additions they are compared with.
store covey_kinds();
std::vector<std::string> const& kind_operations();

// Forks the players of a store of this program. `play(player, orders)` runs in each.
std::vector<child> fork_players(site const& where,
                                std::function<void(unsigned player, player_socket& orders)> play);

} // namespace covey::bench
