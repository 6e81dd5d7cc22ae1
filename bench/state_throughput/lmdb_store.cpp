// LMDB as a cache: no sync, a writable map. Built where its header is; else it is not measured.
#include "play.hpp"
#include "store.hpp"

#if BENCH_LMDB

#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <lmdb.h>
#include <type_traits>
#include <utility>

namespace covey::bench {

namespace {

void check(int result, char const* doing)
{
    if (result != MDB_SUCCESS)
        throw std::runtime_error{fmt::format("lmdb: {}: {}", doing, ::mdb_strerror(result))};
}

struct environment_closer
{
    void operator()(MDB_env* each) const { ::mdb_env_close(each); }
};

class lmdb_rows
{
  public:
    lmdb_rows(std::string const& folder, std::uint64_t keys)
    {
        std::filesystem::create_directories(folder);
        MDB_env* made = nullptr;
        check(::mdb_env_create(&made), "create");
        environment_.reset(made);
        check(::mdb_env_set_mapsize(made, (64U << 20) + keys * bytes_per_row), "size");
        check(::mdb_env_open(made, folder.c_str(), MDB_NOSYNC | MDB_WRITEMAP | MDB_NOTLS, 0600),
              "open");
        MDB_txn* first = nullptr;
        check(::mdb_txn_begin(made, nullptr, 0, &first), "begin");
        check(::mdb_dbi_open(first, nullptr, 0, &rows_), "open the rows");
        check(::mdb_txn_commit(first), "commit");
        check(::mdb_txn_begin(made, nullptr, MDB_RDONLY, &reading_), "begin to read");
        ::mdb_txn_reset(reading_);
    }
    ~lmdb_rows() { ::mdb_txn_abort(reading_); }
    lmdb_rows(lmdb_rows const&) = delete;
    lmdb_rows& operator=(lmdb_rows const&) = delete;

    void put(std::string_view key, row const& value)
    {
        MDB_txn* writing = nullptr;
        check(::mdb_txn_begin(environment_.get(), nullptr, 0, &writing), "begin");
        put(writing, key, value);
        check(::mdb_txn_commit(writing), "commit");
    }
    bool get(std::string_view key, row& value) const
    {
        auto name = bytes(key);
        MDB_val found{};
        check(::mdb_txn_renew(reading_), "renew");
        int const result = ::mdb_get(reading_, rows_, &name, &found);
        if (result == MDB_SUCCESS)
            std::memcpy(value.data(), found.mv_data, value.size());
        ::mdb_txn_reset(reading_);
        return result == MDB_SUCCESS;
    }
    void fill_at_once(std::uint64_t keys)
    {
        MDB_txn* writing = nullptr;
        check(::mdb_txn_begin(environment_.get(), nullptr, 0, &writing), "begin");
        auto const first = row_of('x');
        for (std::uint64_t i = 0; i != keys; ++i)
            put(writing, key_name{i}.view(), first);
        check(::mdb_txn_commit(writing), "commit");
    }

  private:
    static constexpr std::uint64_t bytes_per_row = 512;

    static MDB_val bytes(std::string_view text)
    {
        return {text.size(), const_cast<char*>(text.data())};
    }
    void put(MDB_txn* writing, std::string_view key, row const& value)
    {
        auto name = bytes(key);
        auto data = bytes({value.data(), value.size()});
        check(::mdb_put(writing, rows_, &name, &data, 0), "put");
    }

    std::unique_ptr<MDB_env, environment_closer> environment_;
    MDB_dbi rows_ = 0;
    MDB_txn* reading_ = nullptr;
};

} // namespace

store lmdb_store()
{
    return {
        .name = "lmdb", .start = [](site const& where) {
            auto const folder = where.files->file(fmt::format("lmdb-{}", where.keys));
            // In a process of its own: an environment does not survive a fork.
            child{[&] { lmdb_rows{folder, where.keys}.fill_at_once(where.keys); }}.wait(fill_limit);
            return running_store{
                {}, {}, fork_players(where, [&](unsigned player, player_socket& orders) {
                    lmdb_rows rows{folder, where.keys};
                    play_all(orders, player, rows, where.keys);
                })};
        }};
}

} // namespace covey::bench

#else

namespace covey::bench {

store lmdb_store()
{
    return {.name = "lmdb",
            .missing = [] { return std::string{"lmdb.h was not there when this was built"}; }};
}

} // namespace covey::bench

#endif
