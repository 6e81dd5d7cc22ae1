#include "log.hpp"

#include "detail/escape.hpp"
#include "detail/unblocked_write.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <string>
#include <unistd.h>
#include <utility>

namespace covey::log {

namespace {

constexpr std::array<std::string_view, 5> level_names{"debug", "info", "warning", "error", "off"};
constexpr std::array<std::string_view, 2> format_names{"text", "json"};

template <class Enum, std::size_t Size>
bool find(std::array<std::string_view, Size> const& names, std::string_view word, Enum& into)
{
    for (std::size_t at = 0; at < Size; ++at) {
        if (names[at] == word) {
            into = static_cast<Enum>(at);
            return true;
        }
    }
    return false;
}

spdlog::level::level_enum to_spdlog(level value)
{
    switch (value) {
    case level::debug:
        return spdlog::level::debug;
    case level::info:
        return spdlog::level::info;
    case level::warning:
        return spdlog::level::warn;
    case level::error:
        return spdlog::level::err;
    case level::off:
        break;
    }
    return spdlog::level::off;
}

// Lines that were not taken, in this process.
struct losses
{
    std::atomic<std::uint64_t> all{0};
    std::atomic<std::uint64_t> untold{0};
    std::atomic<std::atomic<std::uint64_t>*> total{nullptr};

    void count() noexcept
    {
        all.fetch_add(1, std::memory_order_relaxed);
        untold.fetch_add(1, std::memory_order_relaxed);
        if (auto* const also = total.load(std::memory_order_acquire))
            also->fetch_add(1, std::memory_order_relaxed);
    }

    static losses& self()
    {
        static losses& only = *new losses; // kept to the very end
        return only;
    }
};

// A sink has no way to say that it has failed but an exception, which a logger keeps for itself.
thread_local bool was_taken = false;

class unblocked_standard_error : public spdlog::sinks::base_sink<std::mutex>
{
  protected:
    void sink_it_(spdlog::details::log_msg const& said) override
    {
        spdlog::memory_buf_t line;
        formatter_->format(said, line);
        was_taken = protocol::detail::write_unblocked(STDERR_FILENO, {line.data(), line.size()});
    }
    void flush_() override {}
};

// The logger's name is the role, escaped as the form asks, so that the pattern can place it.
// A line is one write(2), and lines of several processes that share a pipe stay whole up to
// PIPE_BUF.
std::shared_ptr<spdlog::logger> make_logger(std::string_view role, format form)
{
    bool const json = form == format::json;
    auto made = std::make_shared<spdlog::logger>(json ? detail::escape_json(role)
                                                      : detail::escape_text(role),
                                                 std::make_shared<unblocked_standard_error>());
    made->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","role":%n,"text":%v})"
             : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %n: %v",
        spdlog::pattern_time_type::utc));
    made->set_level(spdlog::level::trace); // enabled() has decided
    return made;
}

struct voice
{
    std::shared_ptr<spdlog::logger> logger = make_logger("covey", format::text);
    format form = format::text;
};

// The process's one voice, kept to the very end: static destructors may still log.
struct stream
{
    std::mutex mutex;
    voice current;
    std::atomic<level> least{level::info};

    static stream& self()
    {
        static stream& only = *new stream;
        return only;
    }
};

} // namespace

bool parse(std::string_view word, level& into)
{
    return find(level_names, word, into);
}

bool parse(std::string_view word, format& into)
{
    return find(format_names, word, into);
}

std::string_view name(level value)
{
    return level_names.at(static_cast<std::size_t>(value));
}

std::string_view name(format value)
{
    return format_names.at(static_cast<std::size_t>(value));
}

void configure(std::string role, level least, format form)
{
    auto logger = make_logger(role, form);
    stream& self = stream::self();
    std::scoped_lock const lock{self.mutex};
    self.current = {std::move(logger), form};
    self.least.store(least, std::memory_order_relaxed);
}

void reopen()
{
    stream& self = stream::self();
    std::scoped_lock const lock{self.mutex};
    self.current.logger->flush();
}

std::uint64_t dropped()
{
    return losses::self().all.load(std::memory_order_relaxed);
}

void count_dropped_in(std::atomic<std::uint64_t>* total)
{
    losses::self().total.store(total, std::memory_order_release);
}

bool enabled(level at)
{
    return at != level::off && at >= stream::self().least.load(std::memory_order_relaxed);
}

void write(level at, std::string_view text)
{
    if (!enabled(at))
        return;
    stream& self = stream::self();
    voice const current = [&] {
        std::scoped_lock const lock{self.mutex};
        return self.current;
    }();
    auto const say = [&](level how, std::string_view words) {
        was_taken = false;
        current.logger->log(to_spdlog(how), current.form == format::json
                                                ? detail::escape_json(words)
                                                : detail::escape_text(words));
        return was_taken;
    };
    auto& lost = losses::self();
    if (auto const missing = lost.untold.load(std::memory_order_relaxed)) {
        if (!say(level::warning, "lines that are missing here, because standard error did not "
                                 "take them: " +
                                     std::to_string(missing)))
            return lost.count(); // nor would it take this one
        lost.untold.fetch_sub(missing, std::memory_order_relaxed);
    }
    if (!say(at, text))
        lost.count();
}

} // namespace covey::log
