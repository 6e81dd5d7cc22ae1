// by_revision: what was read from several places in the order in which it happened.
//
// Mostly it comes so, and to look costs less than to sort. Stable: a transaction's rows have one
// revision, and their order is that in which they were read.
#pragma once

#include <algorithm>
#include <vector>

namespace covey::shm {

template <class T>
void sort_by_revision(std::vector<T>& those)
{
    auto const older = [](T const& a, T const& b) { return a.revision < b.revision; };
    if (!std::is_sorted(those.begin(), those.end(), older))
        std::stable_sort(those.begin(), those.end(), older);
}

} // namespace covey::shm
