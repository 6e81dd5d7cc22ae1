// percent: percent-decoding, as Boost.URL does it, of a path segment or a query's part.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace covey::http {

// '+' is a space in a query and itself in a path.
enum class plus { is_plus, is_space };

// nullopt when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text, plus treatment = plus::is_plus);

} // namespace covey::http
