#include "child.hpp"

#include "complete.hpp"
#include "spawning.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <covey/shm/assert.hpp>
#include <utility>

namespace covey::process {

using boost::system::error_code;

// The part that outlives a child that was moved: who waits for the end, and the end.
struct child::core : std::enable_shared_from_this<core>
{
    core(net::any_io_executor const& executor, std::shared_ptr<running> what)
        : process{std::move(what)}
        , ended{executor, net::steady_timer::time_point::max()}
    {}

    void has_ended()
    {
        status = process->reap();
        ended.cancel();
    }

    void wait(exit_handler handler)
    {
        if (status)
            return complete(ended.get_executor(), std::move(handler), error_code{}, *status);
        auto const slot = net::get_associated_cancellation_slot(handler);
        ended.async_wait(net::bind_cancellation_slot(
            slot, [self = shared_from_this(), handler = std::move(handler)](error_code) mutable {
                error_code const failed =
                    self->status ? error_code{} : error_code{net::error::operation_aborted};
                complete(self->ended.get_executor(), std::move(handler), failed,
                         self->status.value_or(exit_status{}));
            }));
    }

    std::shared_ptr<running> process;
    net::steady_timer ended; // never expires: waiting for the end is waiting for its cancellation
    std::optional<exit_status> status;
};

child::child() noexcept = default;
child::child(child&&) noexcept = default;

child::~child()
{
    if (core_ && !core_->status)
        core_->process->drop();
    if (core_)
        core_->ended.cancel();
}

child& child::operator=(child&& other) noexcept
{
    child gone{std::move(*this)};
    core_ = std::move(other.core_);
    input_ = std::move(other.input_);
    output_ = std::move(other.output_);
    errors_ = std::move(other.errors_);
    return *this;
}

std::int64_t child::pid() const
{
    return core_ ? core_->process->process().pid() : 0;
}

std::optional<exit_status> child::status() const
{
    return core_ ? core_->status : std::nullopt;
}

bool child::kill(int signal)
{
    return core_ && core_->process->process().signal(signal);
}

bool child::kill_tree(int signal)
{
    return core_ && core_->process->process().signal_group(signal);
}

void child::release()
{
    if (core_ && !core_->status)
        core_->process->release();
    if (core_)
        core_->ended.cancel();
    core_.reset();
    *this = {};
}

void child::start_wait(exit_handler handler)
{
    COVEY_ASSERT(core_ != nullptr);
    core_->wait(std::move(handler));
}

std::weak_ptr<running> spawning::begin(net::any_io_executor const& executor, start_plan what,
                                       options const& settings, done_handler done)
{
    try {
        pipe_ends ends;
        auto const process =
            std::make_shared<running>(executor, start(std::move(what), settings, ends), settings);
        auto made = std::make_shared<child>();
        made->core_ = std::make_shared<child::core>(executor, process);
        made->input_ = stream{executor, std::move(ends.input)};
        made->output_ = stream{executor, std::move(ends.output)};
        made->errors_ = stream{executor, std::move(ends.errors)};
        std::weak_ptr<child::core> const core = made->core_;
        process->begin(
            made,
            [weak = std::weak_ptr{made}, done](error_code failed) {
                auto const it = weak.lock();
                if (failed)
                    it->core_->status = exit_status{.not_executed = failed};
                done(failed, failed ? child{} : std::move(*it));
            },
            [core, weak = std::weak_ptr{process}] {
                if (auto const self = core.lock())
                    self->has_ended();
                else if (auto const nobodys = weak.lock())
                    nobodys->reap();
            });
        return process;
    } catch (boost::system::system_error const& failed) {
        net::post(executor, [done, why = failed.code()] { done(why, child{}); });
        return {};
    }
}

namespace {

// A spawn that is under way: its handler, until it is called or cancelled.
struct spawn_operation : std::enable_shared_from_this<spawn_operation>
{
    void begin(net::any_io_executor executor, start_plan what, options const& settings)
    {
        auto const starting = spawning::begin(
            executor, std::move(what), settings,
            [self = shared_from_this(), executor](error_code failed, child started) {
                self->finish(executor, failed, std::move(started));
            });
        if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected())
            slot.assign([weak = weak_from_this(), starting, executor](net::cancellation_type) {
                auto const self = weak.lock();
                if (auto const process = starting.lock(); self && process) {
                    process->drop();
                    self->finish(executor, net::error::operation_aborted, child{});
                }
            });
    }

    // By value: clearing the slot destroys the function that perhaps calls this.
    void finish(net::any_io_executor executor, error_code failed, child started)
    {
        if (!handler)
            return;
        if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected())
            slot.clear();
        complete(executor, std::exchange(handler, nullptr), failed, std::move(started));
    }

    detail::spawn_handler handler;
};

} // namespace

void detail::start_spawn(net::any_io_executor executor, std::string path,
                         std::vector<std::string> arguments, options settings,
                         spawn_handler handler)
{
    auto operation = std::make_shared<spawn_operation>();
    operation->handler.swap(handler);
    start_plan what{.path = std::move(path), .arguments = std::move(arguments)};
    net::dispatch(executor, [operation, executor, what = std::move(what),
                             settings = std::move(settings)]() mutable {
        operation->begin(executor, std::move(what), settings);
    });
}

} // namespace covey::process
