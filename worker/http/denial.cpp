#include "denial.hpp"

namespace covey::http {

std::string_view name(flaw which)
{
    switch (which) {
    case flaw::request_line:
        return "request_line";
    case flaw::method:
        return "method";
    case flaw::version:
        return "version";
    case flaw::connect:
        return "connect";
    case flaw::target:
        return "target";
    case flaw::no_host:
        return "no_host";
    case flaw::hosts:
        return "hosts";
    case flaw::host:
        return "host";
    case flaw::bare_lf:
        return "bare_lf";
    case flaw::folded:
        return "folded";
    case flaw::field_name:
        return "field_name";
    case flaw::field_value:
        return "field_value";
    case flaw::codings:
        return "codings";
    case flaw::chunked:
        return "chunked";
    case flaw::chunked_1_0:
        return "chunked_1_0";
    case flaw::coded_length:
        return "coded_length";
    case flaw::lengths:
        return "lengths";
    case flaw::length:
        return "length";
    case flaw::chunk:
        return "chunk";
    case flaw::trailer:
        return "trailer";
    case flaw::expectation:
        return "expectation";
    case flaw::none:
        break;
    }
    return "none";
}

} // namespace covey::http
