// function_ref: a callable passed down for the length of a call, without an allocation.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace covey::detail {

template <class Signature>
class function_ref;

template <class Result, class... Arguments>
class function_ref<Result(Arguments...)>
{
  public:
    template <class Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, function_ref>)
        function_ref(Callable&& callable)
    noexcept
        : target_{const_cast<void*>(static_cast<void const*>(std::addressof(callable)))}
        , call_{[](void* target, Arguments... arguments) -> Result {
            return (*static_cast<std::remove_reference_t<Callable>*>(target))(
                std::forward<Arguments>(arguments)...);
        }}
    {}

    Result operator()(Arguments... arguments) const
    {
        return call_(target_, std::forward<Arguments>(arguments)...);
    }

  private:
    void* target_;
    Result (*call_)(void*, Arguments...);
};

} // namespace covey::detail
