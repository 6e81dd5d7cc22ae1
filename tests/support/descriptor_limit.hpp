// descriptor_limit: this process, or a child made for it, short of descriptors.
#pragma once

#include <covey/protocol/handle.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <utility>
#include <vector>

namespace covey::test {

// While it lives, this process may open `more` further descriptors.
class descriptor_limit
{
  public:
    explicit descriptor_limit(rlim_t more = 0)
    {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        handle const lowest_free{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        rlimit const now{static_cast<rlim_t>(lowest_free.get()) + more, before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~descriptor_limit() { lift(); }
    descriptor_limit(descriptor_limit const&) = delete;
    descriptor_limit& operator=(descriptor_limit const&) = delete;

    void lift() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

// Lets this process have `size` descriptors for good, and fills what is left of them: room is made
// by letting one go.
inline std::vector<handle> filled_table(rlim_t size)
{
    rlimit const few{size, size};
    ::setrlimit(RLIMIT_NOFILE, &few);
    std::vector<handle> all;
    for (;;) {
        handle one{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        if (!one.is_open())
            return all;
        all.push_back(std::move(one));
    }
}

} // namespace covey::test
