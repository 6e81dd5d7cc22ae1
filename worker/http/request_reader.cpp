#include "request_reader.hpp"

#include "head_scanner.hpp"
#include "spare_fields.hpp"
#include "strict.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>

namespace covey::http {

namespace beast = boost::beast;
namespace net = boost::asio;

namespace {

using beast::error_code;
using beast_text = beast::string_view; // Beast's spelling of it

constexpr denial body_too_large{413, limit::body_bytes};

std::string_view view(beast_text from)
{
    return {from.data(), from.size()};
}

// Beast's parser, writing straight into a request.
class parser final : public beast::http::basic_parser<true>
{
  public:
    parser(request& into, limits const& bounds)
        : into_{into}
        , bounds_{bounds}
        , body_bytes_max_{bounds.body_bytes_max}
    {
        header_limit(static_cast<std::uint32_t>(bounds.head_bytes_max));
        body_limit(boost::none); // it depends on the route: limit_body() sets it
        eager(true);
    }

    void limit_body(std::uint64_t bytes_max) { body_bytes_max_ = bytes_max; }
    std::uint64_t body_bytes() const { return body_bytes_; }

    // Of a body that is chunked and done: its trailer's bytes as they came, the empty line
    // included.
    std::size_t trailer_bytes(std::size_t used) const
    {
        return size_line_end_ == nullptr ? 0
                                         : static_cast<std::size_t>(fed_ + used - size_line_end_);
    }

    // Of the same one: a field of its trailer goes on in another line, which Beast lets pass.
    bool has_folded_trailer(std::size_t used) const
    {
        auto const bytes = trailer_bytes(used);
        if (bytes <= 2)
            return false;
        std::string_view const all{size_line_end_, bytes};
        return all.find("\n ") != all.npos || all.find("\n\t") != all.npos;
    }

    // Why the last error, when it was this class's; nothing when it was Beast's.
    denial refusal() const { return refusal_; }
    // What Beast's error is about, in a head.
    flaw flaw_of_head(error_code failed) const
    {
        using error = beast::http::error;
        bool const coded = facts_.codings.has_value();
        if (failed == error::bad_method)
            return flaw::method;
        if (failed == error::bad_target)
            return flaw::target;
        if (failed == error::bad_field)
            return flaw::field_name;
        if (failed == error::multiple_content_length)
            return flaw::lengths;
        if (failed == error::bad_content_length)
            return coded ? flaw::coded_length : flaw::length;
        if (failed == error::bad_transfer_encoding)
            return facts_.content_lengths > 0 ? flaw::coded_length : flaw::chunked;
        return flaw::field_value;
    }
    bool wants_continue() const { return wants_continue_; }
    bool keeps_alive() const { return keeps_alive_; }
    bool is_http_1_0() const { return facts_.minor_version == 0; }

    std::size_t feed(std::string_view bytes, error_code& failed)
    {
        fed_ = bytes.data();
        return put(net::buffer(bytes.data(), bytes.size()), failed);
    }

  private:
    void refuse(denial why, error_code& failed)
    {
        refusal_ = why;
        failed = beast::http::error::bad_field; // any: refusal() says which
    }

    void on_request_impl(beast::http::verb, beast_text method, beast_text target, int version,
                         error_code&) override
    {
        into_.method_name.clear(); // to append costs a third of assigning
        into_.method_name.append(method.data(), method.size());
        into_.target_text.clear();
        into_.target_text.append(target.data(), target.size());
        facts_.minor_version = version % 10;
    }

    void on_response_impl(int, beast_text, int, error_code&) override {}

    void on_field_impl(beast::http::field id, beast_text name, beast_text value,
                       error_code&) override
    {
        if (is_header_done()) // a trailer: checked by Beast, never mixed with the header
            return;
        spare_fields::add(into_.fields, view(name), view(value));
        switch (id) {
        case beast::http::field::host:
            ++facts_.hosts;
            host_ = into_.fields.size() - 1;
            break;
        case beast::http::field::content_length:
            ++facts_.content_lengths;
            content_length_ = into_.fields.size() - 1;
            break;
        case beast::http::field::expect:
            ++facts_.expectations;
            expect_ = into_.fields.size() - 1;
            break;
        case beast::http::field::transfer_encoding:
            if (facts_.codings)
                facts_.codings->append(",").append(view(value));
            else
                facts_.codings = std::string{view(value)};
            break;
        default:
            break;
        }
    }

    void on_header_impl(error_code& failed) override
    {
        keeps_alive_ = keep_alive();
        if (facts_.hosts > 0)
            facts_.host = into_.fields[host_].second;
        if (facts_.content_lengths > 0)
            facts_.content_length = into_.fields[content_length_].second;
        if (facts_.expectations > 0)
            facts_.expect = into_.fields[expect_].second;
        auto const verdict = judge(facts_, into_);
        wants_continue_ = verdict.wants_continue;
        if (verdict.refusal)
            refuse(verdict.refusal, failed);
    }

    // Into strings that earlier requests have left, so that a connection which goes on asking for
    // the same needs no memory.
    void on_body_init_impl(boost::optional<std::uint64_t> const& length, error_code&) override
    {
        if (length) // the client has still to send it
            into_.body_text.reserve(std::min<std::size_t>(*length, 64 << 10));
    }

    std::size_t add_body(beast_text bytes, error_code& failed)
    {
        body_bytes_ += bytes.size();
        if (body_bytes_ > body_bytes_max_) {
            refuse(body_too_large, failed);
            return 0;
        }
        into_.body_text.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    std::size_t on_body_impl(beast_text bytes, error_code& failed) override
    {
        return add_body(bytes, failed);
    }

    void on_chunk_header_impl(std::uint64_t, beast_text extensions, error_code& failed) override
    {
        // Beast tells the size, not how it was written; the digits stand before the extensions.
        auto digits = extensions.data();
        while (digits != fed_ && digits[-1] != '\n')
            --digits;
        extension_bytes_ += extensions.size();
        size_line_end_ = extensions.data() + extensions.size() + 2;
        if (static_cast<std::size_t>(extensions.data() - digits) > bounds_.chunk_size_digits_max)
            refuse({400, limit::chunk_size_digits}, failed);
        else if (extension_bytes_ > bounds_.chunk_extension_bytes_max)
            refuse({400, limit::chunk_extension_bytes}, failed);
    }

    std::size_t on_chunk_body_impl(std::uint64_t, beast_text bytes, error_code& failed) override
    {
        return add_body(bytes, failed);
    }

    void on_finish_impl(error_code&) override {}

    request& into_;
    limits const& bounds_;
    std::uint64_t body_bytes_max_;
    std::uint64_t body_bytes_ = 0;
    head_facts facts_;
    std::size_t host_ = 0; // where in fields: they move while more come
    std::size_t content_length_ = 0;
    std::size_t expect_ = 0;
    char const* fed_ = nullptr;
    std::size_t extension_bytes_ = 0;
    char const* size_line_end_ = nullptr; // of the last chunk seen; in what was fed last
    denial refusal_;
    bool wants_continue_ = false;
    bool keeps_alive_ = false;
};

} // namespace

struct request_reader::core
{
    explicit core(limits const& given)
        : bounds{given}
        , scanner{given}
    {}

    progress read_head(std::string_view& bytes);
    progress read_body(std::string_view& bytes);
    progress refuse(denial why)
    {
        refusal = why;
        return progress::refused;
    }
    denial meaning_of(error_code failed) const;

    limits const& bounds;
    head_scanner scanner;
    request made;
    std::optional<parser> reading; // of this request, from its whole head on
    denial refusal;
    bool began = false;
    bool skipped_line = false;
};

request_reader::progress request_reader::core::read_head(std::string_view& bytes)
{
    // RFC 9112 2.2: one empty line before a request line is tolerated; old clients end a body so.
    if (!skipped_line && bytes.starts_with("\r\n")) {
        bytes.remove_prefix(2);
        skipped_line = true;
    }
    began = !bytes.empty();
    if (bytes.empty() || (bytes == "\r" && !skipped_line))
        return progress::need_more;

    auto const [end, refused] = scanner.scan(bytes);
    if (refused)
        return refuse(refused);
    if (end == 0)
        return progress::need_more;

    reading.emplace(made, bounds);
    error_code failed;
    auto const head = bytes.substr(0, end);
    auto const used = reading->feed(head, failed);
    if (failed && failed != beast::http::error::need_more)
        return refuse(meaning_of(failed));
    if (!reading->is_header_done() || used != end)
        return refuse({400, flaw::bare_lf}); // two readings of where the head ends
    bytes.remove_prefix(end);
    return reading->is_done() ? progress::complete : progress::head;
}

request_reader::progress request_reader::core::read_body(std::string_view& bytes)
{
    error_code failed;
    auto const used = reading->feed(bytes, failed);
    if (failed && failed != beast::http::error::need_more)
        return refuse(meaning_of(failed));
    if (reading->is_done() && reading->trailer_bytes(used) > bounds.trailer_bytes_max + 2)
        return refuse({431, limit::trailer_bytes});
    if (reading->is_done() && reading->has_folded_trailer(used))
        return refuse({400, flaw::folded});
    bytes.remove_prefix(used);
    if (reading->is_done())
        return progress::complete;
    // What is left is a chunk's head or the trailer, waiting for its end. The trailer has its size
    // line before it.
    auto const first_line = bytes.find('\n', 2);
    if (first_line == bytes.npos) {
        if (bytes.size() > bounds.chunk_extension_bytes_max + bounds.chunk_size_digits_max + 4)
            return refuse({400, limit::chunk_extension_bytes});
    } else if (bytes.size() - first_line - 1 > bounds.trailer_bytes_max + 2) {
        return refuse({431, limit::trailer_bytes});
    }
    return progress::need_more;
}

denial request_reader::core::meaning_of(error_code failed) const
{
    if (reading->refusal())
        return reading->refusal();
    using error = beast::http::error;
    if (failed == error::header_limit)
        return {431, limit::head_bytes};
    if (failed == error::bad_version)
        return {505, flaw::version};
    if (reading->is_header_done())
        return {400, failed == error::bad_chunk || failed == error::bad_chunk_extension
                         ? flaw::chunk
                         : flaw::trailer};
    return {400, reading->flaw_of_head(failed)};
}

request_reader::request_reader(limits const& bounds)
    : core_{std::make_unique<core>(bounds)}
{}
request_reader::~request_reader() = default;

request_reader::progress request_reader::read(std::string_view& bytes)
{
    if (core_->reading)
        return bytes.empty() ? progress::need_more : core_->read_body(bytes);
    return core_->read_head(bytes);
}

void request_reader::next()
{
    auto& made = core_->made;
    made.method_name.clear();
    spare_fields::take_back(made.fields);
    made.parameters.clear();
    made.id_text.clear();
    if (made.body_text.capacity() > (16 << 10)) // an idle connection keeps no big body
        made.body_text = {};
    made.body_text.clear();
    core_->scanner.reset();
    core_->reading.reset();
    core_->began = core_->skipped_line = false;
}

request& request_reader::get()
{
    return core_->made;
}

denial request_reader::refusal() const
{
    return core_->refusal;
}

denial request_reader::limit_body(std::uint64_t bytes_max)
{
    auto& reading = *core_->reading;
    reading.limit_body(bytes_max);
    auto const length = reading.content_length();
    return length && *length > bytes_max ? body_too_large : denial{};
}

std::uint64_t request_reader::body_bytes() const
{
    return core_->reading ? core_->reading->body_bytes() : 0;
}

bool request_reader::started() const
{
    return core_->began;
}

bool request_reader::in_body() const
{
    return core_->reading.has_value();
}

bool request_reader::is_complete() const
{
    return core_->reading && core_->reading->is_done();
}

bool request_reader::keep_alive() const
{
    return core_->reading->keeps_alive();
}

bool request_reader::is_http_1_0() const
{
    return core_->reading && core_->reading->is_http_1_0();
}

bool request_reader::wants_continue() const
{
    return core_->reading->wants_continue();
}

} // namespace covey::http
