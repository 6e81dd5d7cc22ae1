// transaction: rows of several maps and values that change together, or not at all.
//
//   auto const done = covey::transact(view, [&](covey::transaction& tx) {
//       auto from = tx.get(view.accounts, "ann");
//       auto to = tx.get(view.accounts, "bob");
//       if (!from || !to || *from < 10)
//           return false; // nothing happens
//       tx.put(view.accounts, "ann", *from - 10);
//       tx.put(view.accounts, "bob", *to + 10);
//       tx.put(view.newest_transfer, {"ann", "bob", 10});
//       return true;
//   });
//
// Optimistic: reads copy rows without a lock, writes are kept back until the function has returned.
// Then all shards concerned are locked, and if every row that was read is the one that is there,
// all writes are put in place under one revision; else the function runs again. So it may run
// several times, and a run that is thrown away may have read rows of different moments: let it do
// nothing but read, reckon and write `tx`. What it returns or throws counts only if all that it
// read was so at one moment: a function that only reads is a consistent look at several rows. A
// death at any instruction leaves all of it or nothing, and all of it is announced, in one go.
#pragma once

#include "detail/function_ref.hpp"
#include "map.hpp"
#include "state.hpp"
#include "value.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>

namespace covey {

namespace shm {
class batch;
}

enum class transact_result {
    committed,   // all of it: it survives the death of any process
    unchanged,   // the function returned false, or wrote nothing that changes anything
    conflict,    // others were faster, 64 times in a row
    full,        // a map has no cell for a new row; rows that the transaction erases make no room
    too_long,    // a key does not fit its text<N>
    too_many,    // more than 16 keys
    busy,        // a living process has held a lock for 2 s: it is stopped or starved
    quarantined, // writers of some of these rows keep dying (segment::quarantine)
};
std::string_view name(transact_result result);

// Compares as its result: `if (transact(...) == transact_result::committed)`.
struct transacted
{
    transact_result result = transact_result::committed;
    std::uint64_t revision = 0; // of all rows that were written; 0 when nothing was
    std::uint32_t evicted = 0;  // rows of maps that evict which made room; each was announced

    operator transact_result() const { return result; }
    bool committed() const { return result == transact_result::committed; }
};

// What the function works with; good for one call of it. Every row it names, once or often, counts
// as one of the 16; a read shows what was written in this transaction before.
class transaction
{
  public:
    static constexpr std::size_t keys_max = 16;

    transaction(transaction const&) = delete;
    transaction& operator=(transaction const&) = delete;

    template <class Key, class Row>
    std::optional<Row> get(map<Key, Row> const& from, typename map<Key, Row>::argument const& key)
    {
        std::optional<Row> out;
        auto const wanted = detail::as_words(key.key);
        if (auto const* const row = key.fits ? read(from.rows(), wanted.data()) : nullptr)
            detail::read_words(out.emplace(), row);
        return out;
    }

    // Of a value beyond the sixteenth key: what a row is that nobody has set.
    template <class Row>
    Row get(value<Row> const& from)
    {
        auto const* const row = read(from.row(), nullptr);
        return row != nullptr ? detail::from_words<Row>(row) : Row{};
    }

    // `lives` is for a map that expires; a put without it lives for ever.
    template <class Key, class Row>
    void put(map<Key, Row>& into, typename map<Key, Row>::argument const& key,
             std::type_identity_t<Row> const& row, ttl lives = forever)
    {
        into.check_time(lives);
        std::array<std::uint64_t, detail::words_of<Row>> words;
        detail::to_words(row, words.data());
        too_long_ = too_long_ || !key.fits;
        if (key.fits)
            write(into.rows(), detail::as_words(key.key).data(), words.data(), lives);
    }

    template <class Row>
    void put(value<Row>& into, std::type_identity_t<Row> const& row)
    {
        std::array<std::uint64_t, detail::words_of<Row>> words;
        detail::to_words(row, words.data());
        write(into.row(), nullptr, words.data(), forever);
    }

    template <class Key, class Row>
    void erase(map<Key, Row>& from, typename map<Key, Row>::argument const& key)
    {
        if (key.fits)
            write(from.rows(), detail::as_words(key.key).data(), nullptr, forever);
    }

  private:
    using body = detail::function_ref<bool(transaction&)>;
    template <class Function>
    friend transacted transact(participant& who, Function function);
    template <class Function>
    friend transacted transact(state& on, Function function);

    explicit transaction(shm::batch& rows)
        : rows_{rows}
    {}
    static transacted run(participant& who, body function);
    static transacted run(state& on, body function);
    static transacted attempt(shm::batch& rows, body function);
    std::uint64_t const* read(shm::table const& rows, std::uint64_t const* key);
    void write(shm::table const& rows, std::uint64_t const* key, std::uint64_t const* row,
               ttl lives);

    shm::batch& rows_;
    bool too_long_ = false;
};

namespace detail {

// A function that returns nothing commits.
template <class Function>
bool wants_commit(Function& function, transaction& tx)
{
    if constexpr (std::is_void_v<std::invoke_result_t<Function&, transaction&>>)
        return function(tx), true;
    else
        return function(tx);
}

} // namespace detail

// Runs function(transaction&) until what it has read and written is committed as one, at most 64
// times. It returns whether to commit; false, or an exception, which is passed on, changes nothing.
// All rows belong to states that are bound to the one participant.
template <class Function>
transacted transact(participant& who, Function function)
{
    return transaction::run(who,
                            [&](transaction& tx) { return detail::wants_commit(function, tx); });
}

template <class Function>
transacted transact(state& on, Function function)
{
    return transaction::run(on,
                            [&](transaction& tx) { return detail::wants_commit(function, tx); });
}

} // namespace covey
