#include "exec.hpp"

#include "complete.hpp"
#include "running.hpp"
#include "stream.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <memory>

namespace covey::process {

using boost::system::error_code;

namespace {

// A program that is being run. It holds itself while something of it is under way: a read, the wait
// for its end.
class exec_operation : public std::enable_shared_from_this<exec_operation>
{
  public:
    exec_operation(net::any_io_executor executor, std::size_t bytes_max,
                   detail::exec_handler handler)
        : executor_{std::move(executor)}
        , bytes_max_{bytes_max}
    {
        handler_.swap(handler);
    }

    void begin(std::string path, std::vector<std::string> arguments, options const& settings)
    {
        pipe_ends ends;
        try {
            process_ = std::make_shared<running>(executor_,
                                                 start({.path = std::move(path),
                                                        .arguments = std::move(arguments),
                                                        .usual_input = source::null,
                                                        .group = supervision::group::own},
                                                       settings, ends),
                                                 settings);
            output_.begin(executor_, std::move(ends.output));
            errors_.begin(executor_, std::move(ends.errors));
        } catch (boost::system::system_error const& failed) {
            done_.status.not_executed = failed.code();
            failed_ = failed.code();
            return finish();
        }
        // Called while the loop holds this, which is the owner.
        process_->on_timeout([this] { end(net::error::timed_out); });
        process_->on_forced([this] { forced(); });
        process_->begin(
            shared_from_this(), [this](error_code failed) { started(failed); },
            [this] { ended(); });
        if (auto slot = net::get_associated_cancellation_slot(handler_); slot.is_connected())
            slot.assign([weak = weak_from_this()](net::cancellation_type) {
                if (auto const here = weak.lock())
                    here->end(net::error::operation_aborted);
            });
        read(output_, done_.output);
        read(errors_, done_.errors);
    }

  private:
    struct reader
    {
        void begin(net::any_io_executor const& executor, handle end)
        {
            if (end.is_open())
                from = stream{executor, std::move(end)};
        }
        stream from;
        std::array<char, 16 * 1024> bytes;
    };

    void read(reader& from, std::string& into)
    {
        if (!from.from.is_open())
            return;
        from.from.async_read_some(
            net::buffer(from.bytes),
            [self = shared_from_this(), &from, &into](error_code failed, std::size_t count) {
                self->take(into, {from.bytes.data(), count});
                if (failed)
                    from.from.close();
                self->read(from, into);
                self->finish_if_over();
            });
    }

    // What is too much is read all the same: whoever writes it must see the signal, not a pipe.
    void take(std::string& into, std::string_view bytes)
    {
        auto const room = bytes_max_ - into.size();
        into.append(bytes.substr(0, room));
        if (bytes.size() > room)
            end(error::output_too_long);
    }

    void end(error_code reason)
    {
        if (failed_ || !handler_)
            return;
        failed_ = reason;
        process_->stop();
    }

    void started(error_code failed)
    {
        if (!failed)
            return;
        done_.status.not_executed = failed;
        failed_ = failed;
        finish();
    }

    void ended()
    {
        has_ended_ = true;
        finish_if_over();
    }

    void forced()
    {
        nobody_waits_ = true;
        finish_if_over();
    }

    void finish_if_over()
    {
        bool const silent = !output_.from.is_open() && !errors_.from.is_open();
        if (!handler_ || !has_ended_ || (!silent && !nobody_waits_))
            return;
        if (failed_) // what it has left behind, and does not write, goes with it
            process_->process().signal_group(SIGKILL);
        done_.status = process_->reap();
        finish();
    }

    void finish()
    {
        output_.from.close();
        errors_.from.close();
        if (!handler_)
            return;
        if (auto slot = net::get_associated_cancellation_slot(handler_); slot.is_connected())
            slot.clear();
        complete(executor_, std::exchange(handler_, nullptr), failed_, std::move(done_));
        if (process_) {
            process_->on_timeout(nullptr);
            process_->on_forced(nullptr);
        }
    }

    net::any_io_executor executor_;
    std::size_t bytes_max_;
    detail::exec_handler handler_;
    std::shared_ptr<running> process_;
    reader output_;
    reader errors_;
    outcome done_;
    error_code failed_;
    bool has_ended_ = false;
    bool nobody_waits_ = false; // for the ends of the outputs: SIGKILL has been sent
};

} // namespace

void detail::start_exec(net::any_io_executor executor, std::string path,
                        std::vector<std::string> arguments, options settings, exec_handler handler)
{
    auto const operation =
        std::make_shared<exec_operation>(executor, settings.output_bytes_max, std::move(handler));
    net::dispatch(executor, [operation, path = std::move(path), arguments = std::move(arguments),
                             settings = std::move(settings)]() mutable {
        operation->begin(std::move(path), std::move(arguments), settings);
    });
}

} // namespace covey::process
