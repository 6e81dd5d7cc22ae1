// board: a live scoreboard. A score that is put into one worker shows in every browser at once,
// whichever worker it is connected to.
//
//   ./dev run board --workers 4
//   curl -X PUT -d 5 http://127.0.0.1:8080/scores/anna
//   curl -X POST -d +3 http://127.0.0.1:8080/scores/anna
//   curl http://127.0.0.1:8080/scores
//   curl -N http://127.0.0.1:8080/events
#include "schema.hpp"

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "board";
    return covey::run<board::schema>(argc, argv, options, [](covey::worker<board::schema>& worker) {
        board::serve_page(worker);
        board::serve_scores(worker);
        board::serve_feed(worker);
    });
}
