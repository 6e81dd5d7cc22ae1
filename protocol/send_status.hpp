// send_status: what became of something that was to be sent. A status, never an exception.
#pragma once

namespace covey {

enum class send_status {
    sent,        // handed to the kernel
    queued,      // will be; keep sending if you must
    would_block, // refused: as much waits as may. Wait for async_drained.
    closed,      // refused: the conversation has ended
    invalid,     // refused: too large, too many handles, or a handle that is empty or was passed
};

} // namespace covey
