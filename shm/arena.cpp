#include "arena.hpp"

#include <boost/interprocess/detail/os_file_functions.hpp>
#include <boost/interprocess/exceptions.hpp>
#include <boost/system/system_error.hpp>
#include <sys/mman.h>

namespace covey::shm {

namespace bip = boost::interprocess;

namespace {

// What mapped_region asks of a thing it maps.
class mappable
{
  public:
    mappable(handle const& memory, bip::mode_t mode)
        : memory_{memory}
        , mode_{mode}
    {}
    bip::mapping_handle_t get_mapping_handle() const
    {
        return bip::ipcdetail::mapping_handle_from_file_handle(memory_.get());
    }
    bip::mode_t get_mode() const { return mode_; }

  private:
    handle const& memory_;
    bip::mode_t mode_;
};

bip::mapped_region map(handle const& memory, std::uint64_t bytes, access how)
{
    // A writer's is populated at once: no page fault, and no shortage, in the middle of a write.
    bool const writes = how == access::read_write;
    auto const mode = writes ? bip::read_write : bip::read_only;
    try {
        return bip::mapped_region{
            mappable{memory, mode},
            mode,
            0,
            static_cast<std::size_t>(bytes),
            nullptr,
            writes ? MAP_SHARED | MAP_POPULATE : MAP_SHARED,
        };
    } catch (bip::interprocess_exception const& failed) {
        throw boost::system::system_error{
            failed.get_native_error(), boost::system::system_category(),
            "map " + std::to_string(bytes) + " bytes of shared memory"};
    }
}

} // namespace

arena::arena(handle memory, plan places, access how)
    : memory_{std::move(memory)}
    , places_{std::move(places)}
    , region_{map(memory_, places_.bytes, how)}
    , base_{static_cast<std::byte*>(region_.get_address())}
{}

} // namespace covey::shm
