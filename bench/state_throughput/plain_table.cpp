// What the other stores are held against: harness_plain_table.hpp.
#include "play.hpp"
#include "store.hpp"

#include <harness_plain_table.hpp>
#include <memory>

namespace covey::bench {

store plain_table_store()
{
    return {.name = "table", .start = [](site const& where) {
                auto const table = std::make_shared<plain_table>(where.keys);
                fill(*table, where.keys);
                return running_store{
                    table, {}, fork_players(where, [&](unsigned player, player_socket& orders) {
                        play_all(orders, player, *table, where.keys);
                    })};
            }};
}

} // namespace covey::bench
