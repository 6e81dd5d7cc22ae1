# What the house stands on. Headers that only .cpp files use become INTERFACE targets that are
# never exported: a program that uses covey needs none of them.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS headers json url)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)

# msgpack-cxx: its package where there is one, else COVEY_MSGPACK_INCLUDE (./dev unpacks the
# headers there on Debian 12, whose package insists on another Boost).
add_library(covey_msgpack INTERFACE)
target_compile_definitions(covey_msgpack INTERFACE MSGPACK_NO_BOOST)
find_package(msgpack-cxx CONFIG QUIET)
if(NOT msgpack-cxx_FOUND)
  find_package(msgpackc-cxx CONFIG QUIET)
endif()
if(TARGET msgpack-cxx)
  target_link_libraries(covey_msgpack INTERFACE msgpack-cxx)
elseif(TARGET msgpackc-cxx)
  target_link_libraries(covey_msgpack INTERFACE msgpackc-cxx)
else()
  find_path(COVEY_MSGPACK_INCLUDE msgpack.hpp HINTS ${PROJECT_SOURCE_DIR}/build/deps/usr/include)
  if(NOT COVEY_MSGPACK_INCLUDE)
    message(FATAL_ERROR "msgpack-cxx is missing: run ./dev build once (it unpacks the headers), "
      "or set COVEY_MSGPACK_INCLUDE")
  endif()
  target_include_directories(covey_msgpack SYSTEM INTERFACE ${COVEY_MSGPACK_INCLUDE})
endif()

# xxHash and CLI11 are used as headers.
find_path(COVEY_XXHASH_INCLUDE xxhash.h REQUIRED)
add_library(covey_xxhash INTERFACE)
target_compile_definitions(covey_xxhash INTERFACE XXH_INLINE_ALL)
find_path(COVEY_CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
add_library(covey_cli11 INTERFACE)

