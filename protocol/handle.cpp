#include "handle.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace covey {

void handle::reset(int descriptor) noexcept
{
    if (descriptor_ >= 0)
        ::close(descriptor_); // EINTR still closes on Linux, close(2): never retry
    descriptor_ = descriptor < 0 ? -1 : descriptor;
}

handle handle::duplicate() const
{
    int const copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        throw boost::system::system_error{errno, boost::system::system_category(),
                                          "duplicate a descriptor"};
    return handle{copy};
}

} // namespace covey
