#include "worker_ref.hpp"

#include "event_board.hpp"
#include "worker_life.hpp"

#include <array>

namespace covey {

std::string_view name(worker_state state)
{
    static constexpr std::array<std::string_view, 8> names{
        "none", "forked", "online", "listening", "ready", "draining", "disconnected", "dead"};
    return names.at(static_cast<std::size_t>(state));
}

std::uint64_t worker_ref::id() const
{
    return life_->who().id;
}

std::uint32_t worker_ref::seat() const
{
    return life_->who().seat;
}

std::uint32_t worker_ref::generation() const
{
    return life_->who().generation;
}

std::int64_t worker_ref::pid() const
{
    return life_->pid();
}

worker_state worker_ref::state() const
{
    return life_->state();
}

bool worker_ref::is_connected() const
{
    return life_->is_connected();
}

bool worker_ref::is_dead() const
{
    return life_->state() == worker_state::dead;
}

bool worker_ref::exited_after_disconnect() const
{
    return life_->left_by_wish();
}

send_status worker_ref::send(datum const& body, std::vector<passed_handle> handles)
{
    return life_->say(body, std::move(handles));
}

void worker_ref::start_request(datum const& body, std::chrono::milliseconds timeout,
                               reply_handler handler)
{
    life_->words().async_request(body, timeout, std::move(handler));
}

void worker_ref::on(event_kind kind, std::function<void(event const&)> handler)
{
    life_->handlers().add(kind, std::move(handler));
}

void worker_ref::disconnect()
{
    if (auto* const owner = life_->owner())
        owner->disconnect(id());
}

void worker_ref::stop(std::chrono::milliseconds deadline)
{
    if (auto* const owner = life_->owner())
        owner->stop(id(), deadline);
}

void worker_ref::recycle()
{
    if (auto* const owner = life_->owner())
        owner->recycle(id());
}

bool worker_ref::kill(int signal)
{
    return life_->signal(signal);
}

supervision::worker_life& life_of(worker_ref const& worker)
{
    return *worker.life_;
}

} // namespace covey
