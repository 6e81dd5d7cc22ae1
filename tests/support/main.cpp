// Catch's main, and --long before it: for the fault campaigns (campaign.hpp).
#define CATCH_CONFIG_RUNNER
#include "campaign.hpp"

#include <algorithm>
#include <string_view>

int main(int argc, char** argv)
{
    auto const is_long = [](char const* word) { return std::string_view{word} == "--long"; };
    char** const end = std::remove_if(argv + 1, argv + argc, is_long);
    covey::test::long_form() = end != argv + argc;
    *end = nullptr;
    return Catch::Session().run(static_cast<int>(end - argv), argv);
}
