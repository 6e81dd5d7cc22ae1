// harness_scratch: a folder for what the processes of a bench leave each other.
#pragma once

#include <string>
#include <string_view>

namespace covey::bench {

class scratch
{
  public:
    scratch();  // throws runtime_error
    ~scratch(); // with everything in it
    scratch(scratch const&) = delete;
    scratch& operator=(scratch const&) = delete;

    std::string const& folder() const { return folder_; }
    std::string file(std::string_view name) const;

  private:
    std::string folder_;
};

} // namespace covey::bench
