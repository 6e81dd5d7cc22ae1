// upload: files of any size, in and out, in memory of a few kilobytes.
//
//   ./dev run upload --folder /tmp
//   curl -T big.iso http://127.0.0.1:8080/files/big.iso
//   curl http://127.0.0.1:8080/files/big.iso | cmp - big.iso
#include <array>
#include <covey/covey.hpp>
#include <covey/worker/http/failure.hpp>
#include <covey/worker/http/streams.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>

namespace http = covey::http;
namespace files = std::filesystem;
using boost::asio::awaitable;

struct nothing : covey::state
{};

files::path folder = files::temp_directory_path();

// No way out of the folder, and nothing hidden.
files::path place_of(http::request const& asked)
{
    auto const name = asked.path("name");
    if (name.starts_with('.') || name.find('/') != name.npos || name.find('\0') != name.npos)
        throw http::failure{400, "a name does not begin with '.' and has no '/'"};
    return folder / name;
}

// Under a name of its own until all of it is there.
class draft
{
  public:
    draft()
        : path_{folder / (".upload." + std::to_string(::getpid()) + "." + std::to_string(++count))}
        , out_{path_, std::ios::binary}
    {}
    ~draft()
    {
        std::error_code gone_already;
        files::remove(path_, gone_already);
    }
    bool add(std::string_view bytes)
    {
        return !!out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
    void publish(files::path const& as)
    {
        out_.close();
        files::rename(path_, as);
    }

  private:
    inline static int count = 0;
    files::path path_;
    std::ofstream out_;
};

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "upload";
    options.flags = {{"--folder", "Where files are kept", [](auto const& word) { folder = word; }}};
    return covey::run<nothing>(argc, argv, options, [](covey::worker<nothing>& worker) {
        worker.put(
            "/files/{name}",
            [](http::request const& asked, http::request_body& body) -> awaitable<http::response> {
                auto const place = place_of(asked);
                draft keeping;
                std::size_t total = 0;
                for (auto bytes = co_await body.read(); !bytes.empty();
                     bytes = co_await body.read()) {
                    if (!keeping.add(bytes))
                        co_return http::status(507);
                    total += bytes.size();
                }
                keeping.publish(place);
                co_return http::text(std::to_string(total) + " bytes\n", 201);
            });
        worker.get("/files/{name}", [](http::request const& asked) {
            auto const from = std::make_shared<std::ifstream>(place_of(asked), std::ios::binary);
            if (!*from)
                return http::status(404);
            return http::streamed(
                "application/octet-stream", [from](http::response_body& out) -> awaitable<void> {
                    std::array<char, 16384> piece;
                    while (from->read(piece.data(), piece.size()) || from->gcount() > 0)
                        co_await out.write(
                            {piece.data(), static_cast<std::size_t>(from->gcount())});
                });
        });
    });
}
