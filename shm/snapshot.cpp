#include "snapshot.hpp"

#include "inspect.hpp"
#include "snapshot_file.hpp"

#include <stdexcept>

namespace covey {

namespace {

// Writers are faster than a reader by chance, and not so often.
constexpr int patience = 4096;

// A histogram's own numbers: how often in which bucket, and their sum.
row_value packed(histogram_snapshot const& all)
{
    row_value::list counts;
    for (std::uint64_t bucket = 0; bucket != all.counts().size(); ++bucket)
        if (all.counts()[bucket] != 0)
            counts.push_back(
                {row_value::list{row_value::of(bucket), row_value::of(all.counts()[bucket])}});
    return {row_value::structure{{"sum", row_value::of(all.sum())}, {"counts", {counts}}}};
}

void save_field(inspect const& seen, std::uint32_t index, shm::snapshot_writer& file,
                snapshot_report& report)
{
    auto const& described = seen.described().fields[index];
    schema const line{{described}};
    file.begin_field(line.text());
    auto const add = [&](field_entry const& one) {
        file.add({.key = one.key, .row = one.row, .revision = one.revision, .lives = one.lives});
        ++report.rows;
    };
    if (described.kind == field_kind::histogram)
        add({.row = packed(seen.distribution(index))});
    else if (described.kind != field_kind::gauge && seen.for_each(index, add, patience) != 0)
        throw std::runtime_error{"field " + described.name +
                                 ": writers keep its rows from being read; nothing was saved"};
    file.end_field();
}

} // namespace

snapshot_report save_snapshot(inspect const& seen, std::string const& path)
{
    snapshot_report report;
    shm::snapshot_writer file{path,
                              {.segment = seen.name(),
                               .revision = seen.revision(),
                               .taken = std::chrono::system_clock::now(),
                               .schema = seen.described().text()}};
    for (std::uint32_t field = 0; field != seen.described().fields.size(); ++field)
        save_field(seen, field, file, report);
    report.revision = seen.revision();
    file.commit();
    return report;
}

} // namespace covey
