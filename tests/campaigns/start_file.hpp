// start_file: says how the sandbox's workers begin from now on (sandbox.cpp, start_word).
#pragma once

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>

namespace covey::test {

class start_file
{
  public:
    start_file() { begin("well"); }
    ~start_file() { ::unlink(path_.c_str()); }
    start_file(start_file const&) = delete;
    start_file& operator=(start_file const&) = delete;

    // For the cluster's environment.
    std::string variable() const { return "SANDBOX_START=" + path_; }

    // In one step: a worker reads the old word or the new one.
    void begin(std::string_view word) const
    {
        auto const next = path_ + ".next";
        std::ofstream{next} << word;
        std::rename(next.c_str(), path_.c_str());
    }

  private:
    static int next_number()
    {
        static int number = 0;
        return ++number;
    }
    std::string path_ =
        "/tmp/covey-start-" + std::to_string(::getpid()) + "-" + std::to_string(next_number());
};

} // namespace covey::test
