// input_buffer: what has been received of a connection and not been used yet. It grows only while
// one head does not fit, and shrinks again, so that an idle connection keeps little.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace covey::http {

class input_buffer
{
  public:
    static constexpr std::size_t bytes_min = 4 << 10;

    std::string_view unused() const { return {memory_.data() + begin_, end_ - begin_}; }
    bool empty() const { return begin_ == end_; }

    // Room for at least one byte more. Moves what is unused: no view into it survives.
    std::span<char> room()
    {
        std::size_t const held = end_ - begin_;
        if (begin_ > 0)
            std::copy(memory_.begin() + static_cast<std::ptrdiff_t>(begin_),
                      memory_.begin() + static_cast<std::ptrdiff_t>(end_), memory_.begin());
        begin_ = 0;
        end_ = held;
        if (memory_.size() - held < bytes_min / 4)
            memory_.resize(std::max(memory_.size() * 2, bytes_min));
        else if (held == 0 && memory_.size() > bytes_min)
            std::vector<char>(bytes_min).swap(memory_);
        return {memory_.data() + end_, memory_.size() - end_};
    }

    void received(std::size_t bytes) { end_ += bytes; }
    void used(std::size_t bytes) { begin_ += bytes; }
    void clear() { begin_ = end_ = 0; }

  private:
    std::vector<char> memory_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

} // namespace covey::http
