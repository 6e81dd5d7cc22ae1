#include "control_session.hpp"

#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <utility>
#include <variant>

namespace covey::supervision {

namespace control = protocol::control;
using boost::system::error_code;

namespace {

constexpr protocol::channel_limits limits{
    .queued_bytes_max = 256 << 10, // 512 workers
    .frame_bytes_max = 64 << 10,
};
constexpr std::size_t text_max = 32 << 10;

} // namespace

control_session::control_session(net::any_io_executor const& executor, handle socket,
                                 controlled& cluster,
                                 std::function<void(control_session const&)> over)
    : channel_{executor, std::move(socket), limits}
    , cluster_{&cluster}
    , over_{std::move(over)}
    , patience_{executor}
{}

void control_session::start()
{
    be_patient();
    receive();
}

void control_session::end()
{
    cluster_ = nullptr;
    over_ = nullptr;
    patience_.cancel();
    channel_.close();
}

void control_session::hang_up()
{
    auto const over = std::exchange(over_, nullptr);
    end();
    if (over)
        over(*this);
}

// One request, or one answer, from here on.
void control_session::be_patient()
{
    patience_.expires_after(patience);
    patience_.async_wait([weak = weak_from_this()](error_code failed) {
        if (auto const self = weak.lock(); !failed && self)
            self->hang_up();
    });
}

void control_session::receive()
{
    channel_.async_receive(
        [weak = weak_from_this()](error_code failed, protocol::envelope<from_tool> in) {
            if (auto const self = weak.lock(); self && self->cluster_ != nullptr)
                self->heard(failed, std::move(in.message));
        });
}

void control_session::heard(error_code failed, from_tool said)
{
    if (failed)
        return hang_up(); // a tool that has left needs no answer either
    if (works_)
        next_ = std::move(said); // the one after that waits in the socket
    else
        answer(said);
}

void control_session::answer(from_tool const& said)
{
    works_ = true;
    receive(); // to hear it leave
    if (!greeted_ && !std::holds_alternative<control::hello>(said))
        return refuse("say hello first");
    std::visit([this](auto const& request) { reply(request); }, said);
}

void control_session::reply(control::hello const& said)
{
    greeted_ = said.version == control::version;
    if (!greeted_)
        return refuse(fmt::format("this cluster's tools speak version {} and this one speaks {}: "
                                  "use the coveyctl that was installed with the cluster's program",
                                  control::version, said.version));
    say(cluster_->describe());
    answered();
}

void control_session::reply(control::lend_segment const& /*said*/)
{
    try {
        say(control::segment{}, {share(cluster_->lend_segment())});
    } catch (boost::system::system_error const& failed) { // no descriptors, or no /proc
        return refuse(fmt::format("the state cannot be lent: {}", failed.what()));
    }
    answered();
}

void control_session::reply(control::list_workers const& /*said*/)
{
    for (auto const& one : cluster_->list_workers())
        say(one);
    say(control::done{});
    answered();
}

void control_session::reply(control::reload const& /*said*/)
{
    patience_.cancel();
    cluster_->reload([weak = weak_from_this()](error_code failed, verdict what) {
        auto const self = weak.lock();
        if (!self || self->cluster_ == nullptr)
            return;
        if (failed)
            return self->refuse("the cluster stopped before there was a verdict");
        self->say(control::verdict{what.done, what.generation, what.text.substr(0, text_max)});
        self->answered();
    });
}

void control_session::reply(control::scale const& said)
{
    if (auto why = cluster_->scale(said.workers); !why.empty())
        return refuse(std::move(why));
    say(control::done{});
    answered();
}

void control_session::reply(control::stop const& said)
{
    say(control::done{});
    cluster_->stop(said.now);
    answered();
}

void control_session::say(protocol::to_tool const& message, std::vector<shared_handle> handles)
{
    channel_.send(message, std::move(handles)); // a peer that is gone shows when it is received
}

void control_session::refuse(std::string reason)
{
    say(control::refused{std::move(reason)});
    answered();
}

// When it has been read, or is in the socket, the next one's turn comes.
void control_session::answered()
{
    be_patient();
    channel_.async_drained([weak = weak_from_this()](error_code failed) {
        auto const self = weak.lock();
        if (!self || self->cluster_ == nullptr)
            return;
        if (failed)
            return self->hang_up();
        self->works_ = false;
        if (self->next_)
            self->answer(*std::exchange(self->next_, std::nullopt));
    });
}

} // namespace covey::supervision
