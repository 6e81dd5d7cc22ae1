// sessions: who a client is, by a cookie, whichever worker answers and whichever of them dies.
//
//   ./dev run sessions --workers 4
//   curl -c jar -d '{"name": "anna"}' http://127.0.0.1:8080/login
//   curl -b jar http://127.0.0.1:8080/           # hello anna, visit 1, from worker 2
//   curl -b jar -X POST http://127.0.0.1:8080/logout
#include <boost/describe/class.hpp>
#include <chrono>
#include <covey/covey.hpp>
#include <covey/worker/http/json.hpp>
#include <covey/worker/http/session_store.hpp>
#include <covey/worker/http/stored.hpp>
#include <memory>
#include <string>

namespace http = covey::http;

struct visitor
{
    covey::text<40> name;
    std::uint32_t visits = 0;
};
BOOST_DESCRIBE_STRUCT(visitor, (), (name, visits))

struct shop : covey::state
{
    covey::map<covey::text<32>, visitor> sessions{*this, "sessions", covey::capacity{10'000},
                                                  covey::retention{.expires = true}};
};

struct login
{
    std::string name;
};
BOOST_DESCRIBE_STRUCT(login, (), (name))

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "sessions";
    return covey::run<shop>(argc, argv, options, [](covey::worker<shop>& worker) {
        // Behind TLS leave name and `secure` as they are; curl would not send it to this address.
        auto const sessions = std::make_shared<http::session_store<visitor>>(
            worker.state().sessions,
            http::session_options{.lives = std::chrono::minutes{30},
                                  .cookie = {.name = "session", .secure = false}});

        worker.post("/login", [sessions](http::request const& asked) {
            auto const told = http::from_json<login>(asked);
            if (!covey::text<40>::fits(told.name))
                throw http::failure{400, "name is longer than 40 bytes"};
            auto answer = http::text("welcome " + told.name + "\n");
            sessions->end(asked, answer); // an id from before the login is not taken over
            auto const begun = sessions->begin(answer, {.name = told.name});
            return begun.stored() ? answer : http::stored(begun);
        });
        worker.post("/logout", [sessions](http::request const& asked) {
            auto answer = http::status(204);
            sessions->end(asked, answer);
            return answer;
        });

        worker.get("/", [sessions, seat = worker.seat()](http::request const& asked) {
            auto const here = sessions->find(asked);
            if (!here)
                throw http::failure{401, "who are you? POST /login tells"};
            sessions->update(asked, [](visitor& now) { ++now.visits; });
            return http::text("hello " + std::string{here->row.name} + ", visit " +
                              std::to_string(here->row.visits + 1) + ", from worker " +
                              std::to_string(seat) + "\n");
        });
    });
}
