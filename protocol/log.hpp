// log: what the processes of a cluster say to people, one line an event, on standard error.
//
// Every line carries time (RFC 3339, UTC), level, role ("master", "worker 1") and text, as plain
// text or as one JSON object a line. The stream belongs to the process, so this is the one
// process-wide thing of the house. Any thread may call. Nothing waits: a line that standard error
// does not take at once (its reader has stopped, its disk is full) is dropped and counted, and when
// it takes lines again one says how many were.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace covey::log {

enum class level { debug, info, warning, error, off };
enum class format { text, json };

// "debug" ... "off", "text" and "json"; false when the word is none of them.
bool parse(std::string_view word, level& into);
bool parse(std::string_view word, format& into);
std::string_view name(level value);
std::string_view name(format value);

// Sets this process's role, level and format; before the first call: "covey", info, text.
void configure(std::string role, level least, format form);

// For who has moved the file that standard error leads to. It is not this program's to open again:
// all this does is to let nothing wait in a buffer.
void reopen();

// How many lines this process has dropped.
std::uint64_t dropped();

// Adds every line that is dropped from now on to `total` as well, which must outlive its being
// named here; null: to none.
void count_dropped_in(std::atomic<std::uint64_t>* total);

bool enabled(level at);
void write(level at, std::string_view text);

inline void debug(std::string_view text)
{
    write(level::debug, text);
}
inline void info(std::string_view text)
{
    write(level::info, text);
}
inline void warning(std::string_view text)
{
    write(level::warning, text);
}
inline void error(std::string_view text)
{
    write(level::error, text);
}

} // namespace covey::log
