#include "schema.hpp"
