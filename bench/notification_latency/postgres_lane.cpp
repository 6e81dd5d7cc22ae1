#include "conduct.hpp"
#include "peers.hpp"
#include "servers.hpp"

#if BENCH_LIBPQ

#include "floor_parts.hpp"
#include "taker.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <memory>
#include <stdexcept>

namespace covey::bench {

namespace {

struct postgres_end
{
    void operator()(PGconn* connection) const { ::PQfinish(connection); }
    void operator()(PGresult* result) const { ::PQclear(result); }
    void operator()(PGnotify* notice) const { ::PQfreemem(notice); }
};
using postgres_connection = std::unique_ptr<PGconn, postgres_end>;

// Its socket is there before it takes anybody.
postgres_connection connect_to_postgres(std::string const& folder)
{
    constexpr int tries = 2'000;
    for (int i = 0;; ++i) {
        postgres_connection out{
            ::PQconnectdb(fmt::format("host={} dbname=postgres user=bench", folder).c_str())};
        if (::PQstatus(out.get()) == CONNECTION_OK)
            return out;
        if (i == tries)
            throw std::runtime_error{fmt::format("PostgreSQL: {}", ::PQerrorMessage(out.get()))};
        sleep_until_ns(now_ns() + 10'000'000);
    }
}

void execute(postgres_connection const& postgres, std::string const& command)
{
    std::unique_ptr<PGresult, postgres_end> const done{::PQexec(postgres.get(), command.c_str())};
    if (::PQresultStatus(done.get()) != PGRES_COMMAND_OK)
        throw std::runtime_error{fmt::format("PostgreSQL: {}", ::PQerrorMessage(postgres.get()))};
}

// A payload is text.
void notify(board& shared, run const& made, std::string const& folder)
{
    auto const postgres = connect_to_postgres(folder);
    send_all(shared, made, [&](std::int64_t sequence) {
        execute(postgres, fmt::format("NOTIFY notices, '{:<{}}'", sequence, made.payload));
    });
}

void listen(board& shared, run const& made, std::string const& folder)
{
    auto const postgres = connect_to_postgres(folder);
    execute(postgres, "LISTEN notices");
    taker taking{shared, made, 0};
    auto const epoll = epoll_of(::PQsocket(postgres.get()));
    while (!taking.is_done()) {
        wait_on(epoll);
        if (::PQconsumeInput(postgres.get()) == 0)
            throw std::runtime_error{"PostgreSQL has gone"};
        while (auto const notice =
                   std::unique_ptr<PGnotify, postgres_end>{::PQnotifies(postgres.get())}) {
            auto const entered = now_ns();
            taking.take(std::stoll(notice->extra), entered);
        }
    }
}

} // namespace

std::string missing_notify(scratch const& files)
{
    return missing_postgres(files);
}

outcome run_postgres(run made, std::chrono::milliseconds limit, scratch const& files)
{
    auto const folder = postgres_folder(files);
    auto shared = board::create(made);
    std::vector<child> processes;
    processes.push_back(process_of(made, 1, [&] { listen(shared, made, folder); }));
    processes.push_back(process_of(made, sender_place, [&] { notify(shared, made, folder); }));
    return conduct(shared, made, processes, limit);
}

} // namespace covey::bench

#else

#include <stdexcept>

namespace covey::bench {

std::string missing_notify(scratch const&)
{
    return "libpq-dev, when it was built";
}

outcome run_postgres(run, std::chrono::milliseconds, scratch const&)
{
    throw std::logic_error{"a lane that is missing was asked for a run"};
}

} // namespace covey::bench

#endif
