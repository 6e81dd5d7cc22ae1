// mutations: requests that somebody has tampered with: bytes and lines put in, taken out, said
// twice and cut, where two readers of HTTP are known to have differed.
#pragma once

#include <random>
#include <string>
#include <vector>

namespace covey::test {

class mutations
{
  public:
    explicit mutations(std::mt19937_64 dice)
        : dice_{dice}
    {}

    // Two valid requests or more, of the common kinds, with targets that no other has: "/m1-0".
    std::string pipelined();

    // One to four of what this does to bytes.
    std::string of(std::string bytes);

    // The beginning of one and the end of another.
    std::string spliced(std::string const& one, std::string const& other);

    std::size_t below(std::size_t end)
    {
        return std::uniform_int_distribution<std::size_t>{0, end - 1}(dice_);
    }

  private:
    void mutate(std::string& bytes);
    std::string request(std::string const& target);
    std::size_t line_in(std::string const& bytes); // where one begins

    template <class Of>
    auto const& any(Of const& all)
    {
        return all[below(std::size(all))];
    }

    std::mt19937_64 dice_;
    std::size_t made_ = 0;
};

} // namespace covey::test
