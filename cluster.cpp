#include "cluster.hpp"
