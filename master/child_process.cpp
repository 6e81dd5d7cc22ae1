#include "child_process.hpp"

#include <boost/system/system_error.hpp>
#include <covey/protocol/channel_environment.hpp>
#include <string>
#include <utility>

namespace covey::supervision {

namespace {

constexpr int first_extra = 3;

launched start(worker_program const& program, handle const& channel)
{
    if (!on_main_thread())
        throw boost::system::system_error{
            boost::system::errc::make_error_code(boost::system::errc::operation_not_permitted),
            "start a worker on a thread that may end before the process"};

    launch_plan plan;
    plan.program = {
        .path = program.path, .arguments = program.arguments, .environment = program.environment};
    plan.directory = program.directory;
    plan.user = program.user;
    plan.cpus = program.cpus;
    plan.dies_with_this_thread = true;

    int number = 0;
    for (auto const& one : program.standard) {
        if (one)
            plan.descriptors.push_back({one.get(), number});
        ++number;
    }
    number = first_extra;
    for (auto const& one : program.extra)
        plan.descriptors.push_back({one.get(), number++});
    plan.descriptors.push_back({&channel, number});
    // Last, so it wins over whatever else names a channel.
    plan.program.environment.push_back(protocol::channel_entry(number));
    return launch(plan);
}

} // namespace

child_process::child_process(net::any_io_executor executor, worker_program const& program,
                             handle const& channel)
    : process_{start(program, channel)}
    , ended_{std::in_place, std::move(executor), process_.ended()}
{}

void child_process::start_wait(exit_handler handler)
{
    ended_->async_wait(
        [this, handler = std::move(handler)](boost::system::error_code failed) mutable {
            std::move(handler)(failed, failed ? exit_status{} : process_.reap());
        });
}

void child_process::end() noexcept
{
    ended_.reset();
    process_.end();
}

} // namespace covey::supervision
