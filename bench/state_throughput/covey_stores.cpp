// covey: a segment as a cluster of two workers has it, and each player a worker of it: it attaches
// the segment for itself and writes in a block of its own.
#include "play.hpp"
#include "store.hpp"

#include <atomic>
#include <covey/shm/counter.hpp>
#include <covey/shm/extreme.hpp>
#include <covey/shm/gauge.hpp>
#include <covey/shm/histogram.hpp>
#include <covey/shm/leader.hpp>
#include <covey/shm/lock.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/participant.hpp>
#include <covey/shm/rate_limiter.hpp>
#include <covey/shm/segment.hpp>
#include <covey/shm/value.hpp>
#include <functional>
#include <map>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

constexpr std::uint32_t blocks = 4; // two for each worker

struct session
{
    row bytes;
};
BOOST_DESCRIBE_STRUCT(session, (), (bytes))

struct sessions : covey::state
{
    explicit sessions(std::uint64_t keys)
        : rows{*this, "rows", covey::capacity{keys}}
    {}
    covey::map<covey::text<22>, session> rows;
};

struct kinds : covey::state
{
    covey::counter hits{*this, "hits"};
    covey::gauge in_flight{*this, "in_flight"};
    covey::maximum slowest{*this, "slowest"};
    covey::histogram latency{*this, "latency"};
    covey::rate_limiter posts{
        *this, "posts", {.events = 1'000'000'000, .each = std::chrono::seconds{1}}};
    covey::lock turn{*this, "turn"};
    covey::leader chief{*this, "chief"};
    covey::value<session> setting{*this, "setting"};
    covey::value<std::int64_t> ticket{*this, "ticket"};
    covey::map<std::uint64_t, session> rows{*this, "rows", covey::capacity{10'000}};
};

// What a master holds.
class shared_segment
{
  public:
    explicit shared_segment(covey::schema const& described)
        : segment_{segment::create(described, blocks, "state_throughput")}
        , bells_{doorbells::make(blocks)}
    {
        for (std::uint32_t block = 0; block != blocks; ++block)
            segment_.open_block(block, {.pid = ::getpid(), .id = block + 1, .generation = 1});
    }

    handle lend() const { return segment_.lend(); }
    doorbells bells() const
    {
        std::vector<handle> out;
        for (auto const& each : bells_.handles())
            out.push_back(each.duplicate());
        return doorbells{std::move(out)};
    }

  private:
    segment segment_;
    doorbells bells_;
};

// What a worker has.
template <class State>
class member
{
  public:
    template <class... Arguments>
    member(shared_segment const& where, std::uint32_t block, Arguments... arguments)
        : view{arguments...}
        , segment_{segment::attach(where.lend(), view.described())}
        , who_{segment_, block, where.bells()}
    {
        view.bind(who_);
    }

    State view;

  private:
    segment segment_;
    participant who_;
};

class session_rows
{
  public:
    session_rows(shared_segment const& where, std::uint32_t block, std::uint64_t keys)
        : me_{where, block, keys}
    {}

    void put(std::string_view key, row const& value)
    {
        if (!me_.view.rows.put(key, session{value}).stored())
            throw std::runtime_error{"a put was not stored"};
    }
    bool get(std::string_view key, row& value) const
    {
        auto const found = me_.view.rows.get(key);
        if (found)
            value = found->bytes;
        return found.has_value();
    }

  private:
    member<sessions> me_;
};

// ---- one operation each
// ----------------------------------------------------------------------------

struct desk_work
{
    member<kinds> me;
    dice drawn;
    std::uint64_t first_key; // of this player's own
    alignas(64) std::atomic<std::uint64_t> alone{0};
};

constexpr unsigned word_batch = 16'384; // a word's operation takes a few nanoseconds
constexpr std::uint64_t own_keys = 4'096;

template <class Operation>
auto batches_of(unsigned batch, Operation operation)
{
    return [=](order const& wanted, desk_work& work) {
        auto& view = work.me.view;
        return timed(wanted, batch, [&] { operation(view, work); });
    };
}

using measured_operation = std::function<std::vector<double>(order const&, desk_work&)>;

std::vector<std::pair<std::string, measured_operation>> const& operations()
{
    auto const word = [](auto operation) { return batches_of(word_batch, operation); };
    auto const record = [](auto operation) { return batches_of(mix_batch, operation); };
    static std::vector<std::pair<std::string, measured_operation>> const all{
        {"counter-add", word([](auto& view, auto&) { view.hits.add(); })},
        {"counter-get", word([](auto& view, auto&) { view.hits.get(); })},
        {"gauge-add", word([](auto& view, auto&) { view.in_flight.add(1); })},
        {"maximum-record", word([](auto& view, auto& work) {
             view.slowest.record(static_cast<std::int64_t>(work.drawn.below(1'000'000)));
         })},
        {"histogram-record",
         word([](auto& view, auto& work) { view.latency.record(work.drawn.below(1'000'000)); })},
        {"rate_limiter-take", word([](auto& view, auto&) { view.posts.take(); })},
        {"lock-hold", word([](auto& view, auto&) { view.turn.try_hold(); })},
        {"leader-run", word([](auto& view, auto&) { view.chief.run(); })},
        {"value-get", record([](auto& view, auto&) { view.setting.get(); })},
        {"value-put", record([](auto& view, auto&) { view.setting.put({row_of('v')}); })},
        {"value-update", record([](auto& view, auto&) {
             view.ticket.update([](std::int64_t now) { return now + 1; });
         })},
        {"map-put-erase", record([](auto& view, auto& work) { // a new row, and it goes again
             auto const key = work.first_key + work.drawn.below(own_keys);
             view.rows.put(key, {row_of('m')});
             view.rows.erase(key);
         })},
        {"atomic-add",
         word([](auto&, auto& work) { work.alone.fetch_add(1, std::memory_order_relaxed); })},
    };
    return all;
}

void play_operation(player_socket& orders, desk_work& work)
{
    while (auto const wanted = orders.next())
        for (auto const& [name, measure] : operations())
            if (name == wanted->what)
                orders.answer(measure(*wanted, work));
}

} // namespace

store covey_store()
{
    return {.name = "covey", .start = [](site const& where) {
                auto const shared =
                    std::make_shared<shared_segment>(sessions{where.keys}.described());
                {
                    session_rows first{*shared, blocks - 1, where.keys};
                    fill(first, where.keys);
                }
                return running_store{
                    shared, {}, fork_players(where, [&](unsigned player, player_socket& orders) {
                        session_rows rows{*shared, player, where.keys};
                        play_all(orders, player, rows, where.keys);
                    })};
            }};
}

store covey_kinds()
{
    return {.name = "kinds", .start = [](site const& where) {
                auto const shared = std::make_shared<shared_segment>(kinds{}.described());
                return running_store{
                    shared, {}, fork_players(where, [&](unsigned player, player_socket& orders) {
                        desk_work work{{*shared, player}, dice{player + 1}, player * own_keys};
                        play_operation(orders, work);
                    })};
            }};
}

std::vector<std::string> const& kind_operations()
{
    static auto const names = [] {
        std::vector<std::string> out;
        for (auto const& [name, measure] : operations())
            out.push_back(name);
        return out;
    }();
    return names;
}

} // namespace covey::bench
