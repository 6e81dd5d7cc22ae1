// ancillary: bytes and descriptors in one system call. The only file that knows CMSG macros.
//
// Kernel facts it relies on (unix(7), cmsg(3)):
//   - Descriptors ride with the first byte of the sendmsg that carries them. A recvmsg may begin
//     with older plain bytes but stops behind one chunk that brought descriptors.
//   - A message carries at most 253 descriptors (SCM_MAX_FD). What does not fit into the control
//     buffer or the process's table is closed by the kernel and told by MSG_CTRUNC.
//   - The kernel fills a control buffer's alignment slack with further descriptors, so what
//     arrived is counted by cmsg_len and never by what was expected.
#pragma once

#include <covey/protocol/handle.hpp>

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <span>
#include <sys/uio.h>
#include <vector>

namespace covey::protocol::detail {

struct sent
{
    boost::system::error_code failed;
    std::size_t bytes = 0; // 1 .. the pieces' sum when not failed; then all handles have left
};

// Writes `pieces`, and `handles` with their first byte (at least one byte is required to carry
// handles). Never blocks, never raises SIGPIPE. At most 253 handles.
sent send_with_handles(int socket, std::span<iovec const> pieces,
                       std::span<shared_handle const> handles);

struct received
{
    boost::system::error_code failed;
    std::size_t bytes = 0;     // 0 when not failed: the peer closed its end
    bool handles_lost = false; // some that were sent are gone (MSG_CTRUNC)
};

// Reads into `into` and appends what came beside it to `handles`, close-on-exec from the call
// itself. Never blocks. When handles were lost, those of the same message that arrived are
// appended all the same, in order.
received receive_with_handles(int socket, std::span<char> into, std::vector<handle>& handles);

} // namespace covey::protocol::detail
