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
    explicit mappable(handle const& memory)
        : memory_{memory}
    {}
    bip::mapping_handle_t get_mapping_handle() const
    {
        return bip::ipcdetail::mapping_handle_from_file_handle(memory_.get());
    }
    bip::mode_t get_mode() const { return bip::read_write; }

  private:
    handle const& memory_;
};

bip::mapped_region map(handle const& memory, std::uint64_t bytes)
{
    try {
        // Populated at once: no page fault, and no shortage, in the middle of a write.
        return bip::mapped_region{
            mappable{memory}, bip::read_write,          0, static_cast<std::size_t>(bytes),
            nullptr,          MAP_SHARED | MAP_POPULATE};
    } catch (bip::interprocess_exception const& failed) {
        throw boost::system::system_error{
            failed.get_native_error(), boost::system::system_category(),
            "map " + std::to_string(bytes) + " bytes of shared memory"};
    }
}

} // namespace

arena::arena(handle memory, plan places)
    : memory_{std::move(memory)}
    , places_{std::move(places)}
    , region_{map(memory_, places_.bytes)}
    , base_{static_cast<std::byte*>(region_.get_address())}
{}

} // namespace covey::shm
