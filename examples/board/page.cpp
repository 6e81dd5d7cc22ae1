// page: the page and its files, who visits it, and who answers.
#include "json.hpp"
#include "page_files.hpp"
#include "schema.hpp"

#include <string>
#include <string_view>
#include <unistd.h>

namespace board {

namespace http = covey::http;

namespace {

// The page loads its own files and nothing else, and nobody may frame it.
http::response file(std::string_view bytes, std::string type)
{
    http::response out;
    out.body = bytes;
    out.set("Content-Type", std::move(type));
    out.set("Cache-Control", "no-cache");
    out.set("Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    out.set("X-Content-Type-Options", "nosniff");
    return signed_here(std::move(out));
}

http::response visit(schema& state)
{
    std::int64_t ticket = 0;
    auto const done = state.visits.update([&](std::int64_t now) { return ticket = now + 1; });
    return signed_here(done.stored() ? http::text(std::to_string(ticket)) : http::status(503));
}

} // namespace

http::response signed_here(http::response answer)
{
    answer.set("X-Worker", std::to_string(::getpid()));
    return answer;
}

void serve_page(covey::worker<schema>& worker)
{
    auto const serve = [&](std::string path, std::string_view bytes, std::string type) {
        worker.get(std::move(path), [=](http::request const&) { return file(bytes, type); });
    };
    serve("/", page_files::index_html, "text/html; charset=utf-8");
    serve("/board.css", page_files::board_css, "text/css; charset=utf-8");
    serve("/board.js", page_files::board_js, "text/javascript; charset=utf-8");
    serve("/board.svg", page_files::board_svg, "image/svg+xml");

    worker.get("/visits", [&](http::request const&) { return visit(worker.state()); });
    worker.get("/whoami",
               [&](http::request const&) { return signed_here(http::json(json::whoami(worker))); });
    worker.get("/healthz", [](http::request const&) { return signed_here(http::text("ok")); });
}

} // namespace board
