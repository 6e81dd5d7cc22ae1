// introduction: what the master tells a worker before it begins: who it is, the segment, the
// doorbells, the listeners; collected until `begin` says that this was all.
#pragma once

#include <covey/protocol/handle.hpp>
#include <covey/protocol/messages.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace covey {

class introduction
{
  public:
    struct address
    {
        std::uint32_t index = 0;
        std::string text;
        handle listening; // empty where the master accepts
    };

    // Takes the name and the log's settings on as well.
    void hear(protocol::welcome const& said, std::vector<handle> handles);
    void hear(protocol::doorbells const& said, std::vector<handle> handles);
    void hear(protocol::listener const& said, std::vector<handle> handles);
    void hear(protocol::begin const& said, std::vector<handle> handles);

    // A message before `begin` came without its handles: this process's table is full.
    void handles_were_lost() { lost_ = true; }

    // What keeps this program from serving for this master; empty when everything is here.
    std::string wrong() const;

    // Standard error as the master has it: from now on this process's, and its children's. What was
    // written until now went to the master. Throws system_error.
    void go_back_to_standard_error();

    protocol::welcome const& who() const { return who_; }

    // Each for who needs it, once.
    handle segment;
    std::vector<handle> bells;
    handle relay; // the master's doorbell; perhaps none
    std::vector<address> addresses;

  private:
    protocol::welcome who_;
    handle standard_error_;
    std::uint32_t addresses_told_ = 0;
    bool lost_ = false;
};

} // namespace covey
