#include "store.hpp"

namespace covey::bench {

std::vector<store> stores()
{
    std::vector<store> out;
    out.push_back(covey_store());
    out.push_back(plain_table_store());
    out.push_back(unordered_map_store());
    out.push_back(interprocess_store());
    out.push_back(lmdb_store());
    out.push_back(shared_dict_store());
    out.push_back(apcu_store());
    out.push_back(redis_store());
    return out;
}

std::vector<child> fork_players(site const& where,
                                std::function<void(unsigned, player_socket&)> play)
{
    std::vector<child> out;
    for (unsigned player = 0; player != where.players; ++player)
        out.emplace_back([&, player] {
            player_socket orders{where.desk};
            play(player, orders);
        });
    return out;
}

} // namespace covey::bench
