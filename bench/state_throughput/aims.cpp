#include "aims.hpp"

namespace covey::bench {

std::vector<aim> const& aims()
{
    static std::vector<aim> const all{
        {"aim-get", "covey-get", "table-get", 1.1},
        {"aim-get-large", "covey-get-large", "table-get-large", 1.1},
        {"aim-flat", "covey-get-x2", "covey-get", 1.15},
        {"aim-flat-large", "covey-get-x2-large", "covey-get-large", 1.15},
        {"aim-put", "covey-put", "covey-get", 2},
        {"aim-put-large", "covey-put-large", "covey-get-large", 2},
        {"aim-shared_dict", "shared_dict-get", "covey-get", 2.5, true},
        {"aim-shared_dict-put", "shared_dict-put", "covey-put", 2.5, true},
        {"aim-shared_dict-x2", "shared_dict-get-x2", "covey-get-x2", 6, true},
        {"aim-shared_dict-put-x2", "shared_dict-put-x2", "covey-put-x2", 6, true},
        {"aim-counter", "counter-add", "atomic-add", 2},
    };
    return all;
}

} // namespace covey::bench
