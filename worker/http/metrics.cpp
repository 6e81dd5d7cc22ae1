#include "metrics.hpp"

#include "exposition.hpp"
#include "metric_words.hpp"

#include <algorithm>
#include <covey/protocol/message_name.hpp>
#include <covey/shm/arena.hpp>
#include <covey/shm/channel_words.hpp>
#include <covey/shm/inspect.hpp>
#include <covey/shm/seat_words.hpp>
#include <covey/worker/process_facts.hpp>
#include <map>
#include <optional>

namespace covey::http {

namespace {

namespace words = metric_words;

// What there is to tell of a seat. While one worker follows another they share it: its facts are
// the newer one's, its connections both's.
struct seat_facts
{
    std::optional<block_facts> worker{}; // the newest; none: nobody is in it
    std::uint64_t changes_behind = 0;
    std::optional<process_facts> process{};
};

class page
{
  public:
    explicit page(inspect const& seen)
        : seen_{seen}
        , memory_{*seen.arena()}
    {
        look_at_seats();
    }

    std::string write()
    {
        write_requests();
        write_connections();
        write_trouble();
        write_workers();
        write_channels();
        write_state();
        write_processes();
        out_.family("covey_build_info", "gauge", "The library that this worker is built with.");
        out_.sample({{"version", COVEY_VERSION},
                     {"layout_version", std::to_string(shm::layout_version)},
                     {"compiler", __VERSION__}},
                    std::uint64_t{1});
        return out_.take();
    }

  private:
    void look_at_seats();
    void write_requests();
    void write_durations();
    void write_connections();
    void write_trouble();
    template <class Reason>
    void write_rejected(std::size_t count);
    void write_workers();
    void write_channels();
    void write_state();
    void write_processes();

    std::uint64_t sum(std::size_t number) const { return shm::statistics_sum(memory_, number); }
    std::uint64_t by_master(std::size_t number) const
    {
        return shm::statistics_by_master(memory_, number);
    }
    std::uint64_t ends(std::uint32_t seat, std::size_t how) const
    {
        return by_master(shm::end_word(seat, static_cast<shm::worker_end>(how)));
    }
    // A sample of each seat that `value` says something of.
    template <class Value>
    void for_each_seat(Value value)
    {
        for (auto const& [seat, facts] : seats_)
            if (auto const number = value(facts))
                out_.sample({{"slot", std::to_string(seat)}}, *number);
    }

    inspect const& seen_;
    shm::arena const& memory_;
    std::map<std::uint32_t, seat_facts> seats_;
    std::uint64_t connections_ = 0;
    std::uint64_t in_flight_ = 0;
    std::uint32_t generation_ = 0;
    exposition out_;
};

void page::look_at_seats()
{
    for (std::uint32_t seat = 0; seat != shm::seats_max; ++seat)
        for (std::size_t how = 0; how != shm::worker_end_names.size(); ++how)
            if (ends(seat, how) != 0)
                seats_[seat];
    std::map<std::uint32_t, std::uint64_t> behind; // by block
    for (auto const& each : seen_.lags())
        behind[each.block] = each.changes;
    for (auto const& each : seen_.blocks()) {
        if (!each.open || each.owner.seat >= shm::seats_max)
            continue;
        auto& seat = seats_[each.owner.seat];
        if (!seat.worker || seat.worker->owner.id < each.owner.id)
            seat.worker = each;
        seat.changes_behind = std::max(seat.changes_behind, behind[each.block]);
        connections_ += each.load.connections;
        in_flight_ += each.load.in_flight;
        generation_ = std::max(generation_, each.owner.generation);
    }
    for (auto& [seat, facts] : seats_)
        if (facts.worker)
            facts.process = facts_of_process(facts.worker->owner.pid);
}

void page::write_requests()
{
    out_.family("covey_http_requests_total", "counter",
                "Responses made, by the request's method and the response's code; unlisted codes "
                "are counted as 2xx.");
    for (std::size_t method = 0; method != words::methods.size(); ++method) {
        for (std::size_t at = 0; at != words::codes.size(); ++at) {
            auto const count = sum(words::request_word(method, at));
            if (count == 0)
                continue;
            auto code = std::to_string(words::codes[at]);
            if (code.size() == 1)
                code += "xx";
            out_.sample({{"method", words::methods[method]}, {"code", code}}, count);
        }
    }
    write_durations();
}

void page::write_durations()
{
    out_.family("covey_http_request_duration_seconds", "histogram",
                "From a whole request to its response's being written as far as the client takes "
                "it.");
    std::uint64_t all = 0;
    for (std::size_t at = 0; at != words::duration_buckets; ++at) {
        all += sum(words::durations + at);
        auto const bound =
            at == words::duration_bounds.size()
                ? std::string{"+Inf"}
                : exposition::number(static_cast<double>(words::duration_bounds[at]) / 1e9);
        out_.sample("_bucket", {{"le", bound}}, all);
    }
    out_.sample("_sum", {}, static_cast<double>(sum(words::duration_sum)) / 1e9);
    out_.sample("_count", {}, all);
}

void page::write_connections()
{
    out_.family("covey_http_connections", "gauge",
                "Open connections: active where a handler is at work, else idle.");
    auto const active = std::min(in_flight_, connections_);
    out_.sample({{"state", "active"}}, active);
    out_.sample({{"state", "idle"}}, connections_ - active);
    out_.family("covey_http_connections_opened_total", "counter", "Connections that have begun.");
    out_.sample({}, sum(words::connections_opened));
}

void page::write_trouble()
{
    out_.family("covey_http_rejected_total", "counter",
                "Requests refused before any handler saw them, by the limit that they met or by "
                "what is wrong with them.");
    write_rejected<limit>(limit_count);
    write_rejected<flaw>(flaw_count);
    out_.family("covey_limit_hits_total", "counter", "How often clients have met a limit.");
    for (std::size_t at = 0; at != limit_count; ++at)
        out_.sample({{"limit", name(static_cast<limit>(at))}}, sum(words::limits + at));
    out_.family("covey_log_dropped_total", "counter",
                "Lines of logs that their reader, or a full disk, did not take.");
    out_.sample({{"log", "error"}}, sum(words::log_dropped));
    out_.sample({{"log", "access"}}, sum(words::access_log_dropped));
}

template <class Reason>
void page::write_rejected(std::size_t count)
{
    for (std::size_t at = 0; at != count; ++at) {
        auto const why = static_cast<Reason>(at);
        if (auto const met = sum(words::rejected_word(why)))
            out_.sample({{"reason", name(why)}}, met);
    }
}

void page::write_workers()
{
    out_.family("covey_worker_up", "gauge", "1: a worker is in this seat.");
    for_each_seat([](auto const& seat) { return std::optional{seat.worker ? 1UL : 0UL}; });
    out_.family("covey_worker_restarts_total", "counter",
                "Workers of this seat that have ended: planned, by an exit of their own, or by a "
                "signal.");
    for (auto const& [seat, facts] : seats_)
        for (std::size_t how = 0; how != shm::worker_end_names.size(); ++how)
            out_.sample({{"slot", std::to_string(seat)}, {"reason", shm::worker_end_names[how]}},
                        ends(seat, how));
    out_.family("covey_worker_generation", "gauge", "The newest generation that has a worker.");
    out_.sample({}, std::uint64_t{generation_});
}

void page::write_channels()
{
    out_.family("covey_ipc_frames_total", "counter",
                "Messages between the master and its workers, by their names.");
    for (std::size_t way = 0; way != shm::frame_way_names.size(); ++way)
        for (auto const first : shm::first_frame_types)
            for (std::uint16_t type = first; type != first + 16; ++type) {
                auto const count =
                    by_master(shm::frame_word(static_cast<shm::frame_way>(way), type));
                if (auto const name = protocol::message_name(type); count != 0 && !name.empty())
                    out_.sample({{"dir", shm::frame_way_names[way]}, {"type", name}}, count);
            }
    out_.family("covey_ipc_bad_frames_total", "counter",
                "What workers said that ended their channels.");
    for (std::size_t what = 0; what != shm::bad_frame_names.size(); ++what)
        out_.sample({{"reason", shm::bad_frame_names[what]}},
                    by_master(shm::bad_frame_word(static_cast<shm::bad_frame>(what))));
    out_.family("covey_fd_handoffs_total", "counter",
                "Connections that the master has passed to a worker, by what became of them.");
    for (std::size_t how = 0; how != shm::handoff_names.size(); ++how)
        out_.sample({{"result", shm::handoff_names[how]}},
                    by_master(shm::handoff_word(static_cast<shm::handoff>(how))));
}

void page::write_state()
{
    out_.family("covey_state_version", "gauge", "The revision of the newest change of the state.");
    out_.sample({}, seen_.revision());
    out_.family("covey_state_worker_version_lag", "gauge",
                "Changes that this seat's worker has subscribed to and not read yet.");
    for_each_seat([](auto const& seat) {
        return seat.worker ? std::optional{seat.changes_behind} : std::nullopt;
    });
    out_.family("covey_state_recoveries_total", "counter",
                "Writes of dead workers that were finished or taken back, and locks that were "
                "freed with no write under way.");
    for (std::size_t kind = 0; kind != shm::repair_kind_names.size(); ++kind)
        out_.sample({{"kind", shm::repair_kind_names[kind]}},
                    by_master(shm::repair_word(static_cast<shm::repair_kind>(kind))));
    auto const fields = seen_.fields();
    out_.family("covey_state_conflicts_total", "counter",
                "Writes that waited for a lock that another process held, and transactions that "
                "began anew for another had changed what they read.");
    for (std::uint32_t at = 0; at != fields.size() && at != shm::conflict_fields; ++at)
        out_.sample({{"field", fields[at].name}}, by_master(shm::conflict_word(at)));
    if (fields.size() > shm::conflict_fields)
        out_.sample({{"field", "others"}}, by_master(shm::conflict_word(shm::conflict_fields)));
    out_.family("covey_state_rows", "gauge", "Rows or items of a field.");
    for (auto const& field : fields)
        if (has_rows(field.kind))
            out_.sample({{"field", field.name}}, field.rows);
    out_.family("covey_state_rows_max", "gauge", "As many rows or items as a field has room for.");
    for (auto const& field : fields)
        if (has_rows(field.kind))
            out_.sample({{"field", field.name}}, field.capacity);
    out_.family("covey_state_bytes", "gauge", "What the segment's memory is made of.");
    for (auto const& part : seen_.memory())
        out_.sample({{"kind", part.name}}, part.bytes);
}

void page::write_processes()
{
    auto const of = [this](auto value) {
        for_each_seat([&](auto const& seat) {
            return seat.process ? std::optional{value(*seat.process)} : std::nullopt;
        });
    };
    out_.family("process_cpu_seconds_total", "counter", "User and system time of a seat's worker.");
    of([](auto const& process) { return process.cpu_seconds; });
    out_.family("process_start_time_seconds", "gauge", "When a seat's worker began, since 1970.");
    of([](auto const& process) { return process.start_seconds; });
    out_.family("process_resident_memory_bytes", "gauge",
                "Memory of a seat's worker, what it uses of the segment included.");
    of([](auto const& process) { return process.resident_bytes; });
    out_.family("process_virtual_memory_bytes", "gauge", "Address space of a seat's worker.");
    of([](auto const& process) { return process.virtual_bytes; });
    out_.family("process_threads", "gauge", "Threads of a seat's worker.");
    of([](auto const& process) { return process.threads; });
    out_.family("process_open_fds", "gauge", "Descriptors of a seat's worker.");
    for_each_seat(
        [](auto const& seat) { return seat.process ? seat.process->descriptors : std::nullopt; });
}

} // namespace

std::string metrics_page(inspect const& seen)
{
    return page{seen}.write();
}

response metrics_response(std::string page)
{
    response made;
    made.fields.emplace_back("Content-Type", exposition::content_type);
    made.fields.emplace_back("Cache-Control", "no-store");
    made.body = std::move(page);
    return made;
}

} // namespace covey::http
