// batch_change: what one commit changed in several fields (subscription::on_batch).
//
//   changes.on_batch([&](auto const& batch) {
//       for (auto const& one : batch.of(state.accounts)) ...
//   }, {}, state.accounts, state.transfers);
#pragma once

#include "assert.hpp"

#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace covey {

template <class... Fields>
class batch_change
{
  public:
    explicit batch_change(Fields const&... fields)
        : parts_{part<Fields>{&fields, {}}...}
    {}

    // Of all its changes; at a resync the newest of the rows that are shown, or later.
    std::uint64_t revision() const { return revision_; }

    // Those of one of the fields, in their order; empty when there are none.
    template <class Field>
    std::vector<typename Field::change> const& of(Field const& field) const
    {
        std::vector<typename Field::change> const* found = nullptr;
        each([&](auto const& one) {
            if constexpr (std::is_same_v<decltype(one.field), Field const*>)
                if (one.field == &field)
                    found = &one.changes;
        });
        COVEY_ASSERT(found != nullptr); // not one of the fields that the batch is of
        return *found;
    }

    // ---- the subscription's side ----

    template <class Field>
    auto collector(Field const& field)
    {
        std::vector<typename Field::change>* into = nullptr;
        each([&](auto& one) {
            if constexpr (std::is_same_v<decltype(one.field), Field const*>)
                if (one.field == &field)
                    into = &one.changes;
        });
        return [into](typename Field::change const& change) { into->push_back(change); };
    }
    bool is_empty() const
    {
        bool empty = true;
        each([&](auto const& one) { empty = empty && one.changes.empty(); });
        return empty;
    }
    batch_change take(std::uint64_t revision)
    {
        auto whole = *this;
        whole.revision_ = revision;
        each([](auto& one) { one.changes.clear(); });
        return whole;
    }

  private:
    template <class Field>
    struct part
    {
        Field const* field;
        std::vector<typename Field::change> changes;
    };

    template <class Call>
    void each(Call call)
    {
        std::apply([&](auto&... ones) { (call(ones), ...); }, parts_);
    }
    template <class Call>
    void each(Call call) const
    {
        std::apply([&](auto const&... ones) { (call(ones), ...); }, parts_);
    }

    std::tuple<part<Fields>...> parts_;
    std::uint64_t revision_ = 0;
};

} // namespace covey
