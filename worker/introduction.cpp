#include "introduction.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <covey/protocol/log.hpp>
#include <covey/protocol/version.hpp>
#include <iterator>
#include <unistd.h>
#include <utility>

namespace covey {

namespace {

handle first_of(std::vector<handle>& handles)
{
    return handles.empty() ? handle{} : std::move(handles.front());
}

} // namespace

void introduction::hear(protocol::welcome const& said, std::vector<handle> handles)
{
    who_ = said;
    segment = first_of(handles);
    if (handles.size() > 1)
        relay = std::move(handles[1]);
    auto least = log::level::info;
    auto form = log::format::text;
    log::parse(said.log_level, least);
    log::parse(said.log_format, form);
    log::configure("worker " + std::to_string(said.seat), least, form);
}

void introduction::hear(protocol::doorbells const&, std::vector<handle> handles)
{
    std::move(handles.begin(), handles.end(), std::back_inserter(bells));
}

void introduction::hear(protocol::listener const& said, std::vector<handle> handles)
{
    addresses.push_back({said.index, said.address, first_of(handles)});
}

void introduction::hear(protocol::begin const& said, std::vector<handle> handles)
{
    addresses_told_ = said.listeners;
    standard_error_ = first_of(handles);
}

std::string introduction::wrong() const
{
    if (who_.version != protocol::version)
        return "the master speaks protocol version " + std::to_string(who_.version) +
               ", this program " + std::to_string(protocol::version);
    if (lost_ || !segment.is_open())
        return "a handle of the master's was lost on the way";
    if (bells.size() != who_.blocks)
        return std::to_string(bells.size()) + " doorbells came for " + std::to_string(who_.blocks) +
               " blocks";
    if (addresses.size() != addresses_told_)
        return std::to_string(addresses.size()) + " listeners came of " +
               std::to_string(addresses_told_);
    return {};
}

void introduction::go_back_to_standard_error()
{
    if (!standard_error_.is_open())
        return;
    // dup2 leaves the copy open across execve, as a standard descriptor is.
    if (::dup2(standard_error_.get(), STDERR_FILENO) < 0)
        throw boost::system::system_error{errno, boost::system::system_category(),
                                          "go back to standard error"};
    standard_error_.reset();
}

} // namespace covey
