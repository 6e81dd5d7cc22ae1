// watch: one handler's place in a subscription; scoped_watch: one that ends with its scope.
#pragma once

#include <functional>
#include <utility>

namespace covey {

// Letting go of it ends nothing: the handler stays as long as the subscription.
class watch
{
  public:
    watch() = default;
    explicit watch(std::function<void()> end)
        : end_{std::move(end)}
    {}

    // From now on the handler is not called; it is destroyed once no handler is being called. On
    // the subscription's thread, inside handlers too, and at any time: also when the subscription
    // is gone.
    void end()
    {
        if (auto const call = std::exchange(end_, {}))
            call();
    }

    // Both, as one.
    friend watch operator+(watch first, watch second)
    {
        if (!first.end_)
            return second;
        return watch{[first = std::move(first), second = std::move(second)]() mutable {
            first.end();
            second.end();
        }};
    }

  private:
    std::function<void()> end_;
};

class scoped_watch
{
  public:
    scoped_watch() = default;
    scoped_watch(watch from)
        : watch_{std::move(from)}
    {}
    scoped_watch(scoped_watch&& from) noexcept
        : watch_{std::exchange(from.watch_, {})}
    {}
    scoped_watch& operator=(scoped_watch&& from) noexcept
    {
        watch_.end();
        watch_ = std::exchange(from.watch_, {});
        return *this;
    }
    ~scoped_watch() { watch_.end(); }

    void end() { watch_.end(); }

  private:
    watch watch_;
};

} // namespace covey
