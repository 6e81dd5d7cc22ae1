#include "store.hpp"

#include <chrono>
#include <exception>
#include <utility>

namespace covey::bench {

peer_program::~peer_program()
{
    if (process_.pid() <= 0)
        return;
    try {
        process_.stop(std::chrono::seconds{10});
    } catch (std::exception const&) {
        // PHP ends by the signal; what does not end is killed with `process_`.
    }
}

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
