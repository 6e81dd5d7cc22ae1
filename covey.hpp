// The one include of a program that uses covey.
#pragma once

#include <covey/cluster.hpp>
#include <covey/shm/blob_map.hpp>
#include <covey/shm/blob_value.hpp>
#include <covey/shm/bytes.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/extreme.hpp>
#include <covey/shm/gauge.hpp>
#include <covey/shm/histogram.hpp>
#include <covey/shm/inplace_vector.hpp>
#include <covey/shm/leader.hpp>
#include <covey/shm/lock.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/queue.hpp>
#include <covey/shm/rate_limiter.hpp>
#include <covey/shm/ring.hpp>
#include <covey/shm/text.hpp>
#include <covey/shm/transaction.hpp>
#include <covey/shm/value.hpp>
#include <covey/worker/http/event_stream.hpp>
