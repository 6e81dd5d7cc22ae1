// storm: preloaded into a program, interrupts it and every program that it starts for as long as
// they run.
#include "support/interruptions.hpp"

namespace {

covey::test::interruptions const begins_here;

} // namespace
