// channel_counts: counts what goes over the channels to the workers into the master's lane of the
// segment, for /metrics of any worker.
//
// Every count is a relaxed load and store by the one thread of the master: nothing of it waits.
// The segment outlives this.
#pragma once

#include <covey/protocol/messages.hpp>
#include <covey/shm/channel_words.hpp>
#include <cstddef>
#include <variant>

namespace covey::supervision {

class channel_counts
{
  public:
    explicit channel_counts(shm::statistics_lane lane)
        : words_{lane}
    {}

    // A message that the channel took.
    template <class Message>
    void sent(Message const&)
    {
        add(shm::frame_word(shm::frame_way::to_worker, Message::type));
    }
    void sent(protocol::from_master const& message)
    {
        std::visit([this](auto const& one) { sent(one); }, message);
    }
    void heard(protocol::from_worker const& message)
    {
        std::visit(
            [this]<class Message>(Message const&) {
                add(shm::frame_word(shm::frame_way::from_worker, Message::type));
            },
            message);
    }
    void heard_bad(shm::bad_frame what) { add(shm::bad_frame_word(what)); }
    void handed_over(shm::handoff how, std::size_t connections)
    {
        add(shm::handoff_word(how), connections);
    }

  private:
    void add(std::size_t number, std::size_t much = 1) { shm::count(words_[number], much); }

    shm::statistics_lane words_;
};

} // namespace covey::supervision
