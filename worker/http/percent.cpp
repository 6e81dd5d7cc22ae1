#include "percent.hpp"

#include <boost/url/pct_string_view.hpp>

namespace covey::http {

namespace urls = boost::urls;

std::optional<std::string> percent_decoded(std::string_view text, plus treatment)
{
    if (text.find_first_of("%+") == text.npos) // nothing to do, as for nearly every path
        return std::string{text};
    auto const checked = urls::make_pct_string_view({text.data(), text.size()});
    if (!checked)
        return std::nullopt;
    urls::encoding_opts how;
    how.space_as_plus = treatment == plus::is_space;
    return checked->decode(how);
}

} // namespace covey::http
