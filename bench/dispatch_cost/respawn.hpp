// respawn: how soon somebody serves again after a worker was killed, and the least a new process
// takes to say anything.
#pragma once

#include <harness_scratch.hpp>

namespace covey::bench {

// From SIGKILL of the only worker of a cluster until the whole answer of its replacement is there,
// to a client that connects right after the kill and is not told to come again. A cluster of its
// own for each: nobody is killed twice. Throws runtime_error when the client is turned away.
double replacement_us(scratch const& notes);

// From before fork() until the first byte that a small program writes after execve.
double small_program_us();

} // namespace covey::bench
