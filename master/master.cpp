#include "master.hpp"

#include "cluster_core.hpp"

#include <utility>

namespace covey {

using supervision::cluster_core;

master::master(net::any_io_executor executor, options settings, schema described,
               worker_program program)
    : core_{std::make_shared<cluster_core>(std::move(executor), std::move(settings), described,
                                           std::move(program))}
{}

master::~master()
{
    core_->abandon();
}

void master::on_ready(std::function<void(std::vector<std::string> const&)> call)
{
    core_->on_ready(std::move(call));
}

void master::take_signals()
{
    core_->take_signals();
}

void master::take_service_manager()
{
    core_->take_service_manager();
}

void master::take_orphans()
{
    core_->take_orphans();
}

void master::open_control()
{
    core_->open_control();
}

net::awaitable<int> master::run()
{
    return cluster_core::run(core_);
}

void master::on(event_kind kind, std::function<void(event const&)> handler)
{
    core_->workers().board().handlers().add(kind, std::move(handler));
}

void master::on_request(std::function<net::awaitable<datum>(worker_ref, message)> handler)
{
    core_->workers().answer_requests(std::move(handler));
}

void master::broadcast(datum const& body, std::vector<passed_handle> const& handles)
{
    core_->workers().broadcast(body, handles);
}

void master::setup(std::function<void(worker_program&)> const& change)
{
    core_->workers().set_up(change);
}

worker_ref master::fork(std::vector<std::string> environment)
{
    return core_->workers().fork(std::move(environment));
}

void master::scale(std::uint32_t workers)
{
    core_->workers().scale(workers);
}

void master::start_reload(reload_handler handler)
{
    core_->workers().reload(std::move(handler));
}

void master::reload()
{
    core_->workers().reload();
}

void master::reset_restarts()
{
    core_->workers().reset_restarts();
}

void master::drain_workers()
{
    core_->workers().drain_workers();
}

void master::stop()
{
    core_->stop();
}

void master::stop(std::chrono::milliseconds deadline)
{
    core_->stop(deadline);
}

void master::stop_now()
{
    core_->stop_now();
}

std::string const& master::failure() const
{
    return core_->failure();
}

std::vector<std::string> const& master::addresses() const
{
    return core_->addresses();
}

std::vector<worker_ref> master::workers() const
{
    return core_->workers().workers();
}

std::vector<worker_status> master::status() const
{
    return core_->workers().status();
}

} // namespace covey
