// unblocked_write: one line to a descriptor that may not take it now, such as a standard error that
// nobody reads.
//
// Standard error's open file is shared with whoever started this program, and its siblings: turning
// it non-blocking would turn theirs. So a pipe is opened anew for the write (proc(5)), a socket is
// told not to wait, and the rest (a terminal, and a pipe that belongs to another user) is asked
// first: whoever else fills it in the moment between makes the write wait. A file never says
// "later"; a full disk is an error at once.
#pragma once

#include <string_view>

namespace covey::protocol::detail {

// False when nothing of the line was written, or not all of it: it would have had to wait, or it
// failed. Of a line longer than PIPE_BUF (4096 bytes) a pipe may get a part. No errno is left.
bool write_unblocked(int descriptor, std::string_view line) noexcept;

} // namespace covey::protocol::detail
