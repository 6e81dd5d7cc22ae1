// memory_report: what the memory of a state is made of, as a master says it at its start: all of it
// is allocated by then, so this is what the cluster will ever have of it.
#pragma once

#include <string>

namespace covey {
class segment;
}

namespace covey::supervision {

// "state: 1024 bytes of memory: header 448, ..., field visits 192": one line, the sum first.
std::string memory_report(segment const& of);

} // namespace covey::supervision
