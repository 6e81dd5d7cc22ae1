// command_line: the words behind a covey program's name, laid over what its code set.
//
// Master and worker parse the same words: the program's own flags must have their values in both;
// the standard ones come to a worker in its welcome. CLI11 stays in the .cpp.
#pragma once

#include <covey/master/options.hpp>
#include <string>

namespace covey::detail {

struct command_line
{
    enum class meaning {
        run,   // `settings` are what to run with
        told,  // --help or --version: print `text` on standard output and leave with 0
        wrong, // `text` is one line that says what to do
    };

    meaning means = meaning::run;
    options settings;
    std::string text; // without the line's end
};

// argv[0] is the program's name; an argc of 0 means that there is no command line. Calls the
// `store` of the program's own flags, once for each time a flag is there.
command_line parse_command_line(int argc, char const* const* argv, options defaults);

} // namespace covey::detail
