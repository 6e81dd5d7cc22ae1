// handle: one owned file descriptor.
//
// The only type of the house that closes a descriptor. A handle is move-only, empty when moved
// from, and close-on-exec by the rule that whoever makes a descriptor makes it so (accept4,
// pipe2, memfd_create, MSG_CMSG_CLOEXEC ...). There is no conversion to bool: descriptor 0 is a
// descriptor.
#pragma once

#include <memory>
#include <utility>

namespace covey {

class handle
{
  public:
    handle() noexcept = default;

    // Takes over `descriptor`; a negative number makes an empty handle.
    explicit handle(int descriptor) noexcept
        : descriptor_{descriptor}
    {}

    handle(handle&& other) noexcept
        : descriptor_{other.release()}
    {}
    handle& operator=(handle&& other) noexcept
    {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    ~handle() { reset(); }

    bool is_open() const noexcept { return descriptor_ >= 0; }
    explicit operator bool() const = delete;

    // The number, for a system call; the handle keeps owning it. -1 when empty.
    int get() const noexcept { return descriptor_; }

    // Gives the descriptor away: the caller closes it.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

    // Closes what is owned, then owns `descriptor`.
    void reset(int descriptor = -1) noexcept;

    // A second, independent descriptor of the same open file, close-on-exec.
    // Throws boost::system::system_error (EMFILE, EBADF).
    handle duplicate() const;

  private:
    int descriptor_ = -1;
};

// A handle with several owners: a channel's queue keeps one until it has been sent, the master
// keeps one until the worker has acknowledged it.
using shared_handle = std::shared_ptr<handle const>;

inline shared_handle share(handle owned)
{
    return std::make_shared<handle const>(std::move(owned));
}

} // namespace covey
