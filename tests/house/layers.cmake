# layers: who may include whom, and which libraries stay inside which files.
#   cmake -DROOT=<tree> -P layers.cmake
# One row a room: the includes its files may name beside their own. master and worker never see
# each other: all they say to one another is a message or a field. Tools see what those see that
# stand outside of a cluster: its control socket and its segment.
include(${CMAKE_CURRENT_LIST_DIR}/source_files.cmake)

set(may_include_protocol "")
set(may_include_shm      protocol/handle.hpp)
set(may_include_worker   protocol/ shm/)
set(may_include_master   protocol/ shm/)
set(may_include_tools    protocol/ shm/)
set(may_include_roof     protocol/ shm/ worker/ master/)

# Libraries behind our own headers: in .cpp files of the rooms only.
set(private_libraries boost/beast msgpack spdlog/ CLI/)

# Room of a path from the root: its first folder, or the roof.
function(room_of path out)
  if(path MATCHES "^([^/]+)/")
    set(${out} ${CMAKE_MATCH_1} PARENT_SCOPE)
  else()
    set(${out} roof PARENT_SCOPE)
  endif()
endfunction()

# What an #include line of `file` names, as a path from the root; empty if it is none of ours.
function(own_header file spelling out)
  set(path "")
  if(spelling MATCHES "^<covey/(.*)$")
    set(path ${CMAKE_MATCH_1})
  elseif(spelling MATCHES "^\"(.*)$")
    get_filename_component(folder ${ROOT}/${file} DIRECTORY)
    get_filename_component(absolute ${CMAKE_MATCH_1} ABSOLUTE BASE_DIR ${folder})
    file(RELATIVE_PATH path ${ROOT} ${absolute})
  endif()
  set(${out} "${path}" PARENT_SCOPE)
endfunction()

function(check_room_include file room spelling)
  own_header(${file} ${spelling} path)
  if(path STREQUAL "")
    return()
  endif()
  room_of(${path} there)
  if(there STREQUAL room)
    return()
  endif()
  foreach(allowed ${may_include_${room}})
    string(FIND ${path} ${allowed} at)
    if(at EQUAL 0)
      return()
    endif()
  endforeach()
  report(${file} "includes ${path}, which ${room} may not see")
endfunction()

function(check_library file spelling)
  foreach(library ${private_libraries})
    if(spelling MATCHES "^[<\"]${library}" AND file MATCHES "\\.hpp$")
      report(${file} "includes ${library} in a header: it belongs in a .cpp")
    endif()
  endforeach()
  # The forms that outlive a process: frames between processes, and snapshots in files.
  if(spelling MATCHES "^[<\"]msgpack" AND NOT file MATCHES
      "^(protocol/(datum_)?codec|shm/snapshot_(entry|file))\\.cpp$")
    report(${file} "includes msgpack, which only the codecs of protocol and of snapshots may")
  endif()
endfunction()

source_files(files ROOT ${ROOT} NAMES *.hpp *.cpp)
foreach(file ${files})
  room_of(${file} room)
  file(READ ${ROOT}/${file} text)
  string(REGEX REPLACE "//[^\n]*" "" code "${text}")

  # A mutex that is destroyed while a process may still hold it is undefined; a segment's mutexes
  # go with the segment.
  if(code MATCHES "pthread_mutex_destroy")
    report(${file} "destroys a mutex: a segment's mutexes are never destroyed")
  endif()

  set(inside OFF)
  if(room IN_LIST house_rooms OR room STREQUAL roof)
    set(inside ON)
  endif()
  if(inside AND code MATCHES "CMSG_" AND NOT file STREQUAL protocol/detail/ancillary.cpp)
    report(${file} "uses a CMSG_ macro, which only protocol/detail/ancillary.cpp may")
  endif()

  string(REGEX MATCHALL "(^|\n)[ \t]*#[ \t]*include[ \t]*[<\"][^>\"\n]+" includes "${text}")
  foreach(line ${includes})
    string(REGEX REPLACE "^[^<\"]+" "" spelling "${line}")
    if(inside)
      check_room_include(${file} ${room} ${spelling})
      check_library(${file} ${spelling})
    elseif(room STREQUAL examples AND spelling MATCHES "/detail/")
      report(${file} "includes ${spelling}>: an example is a user's program")
    endif()
  endforeach()
endforeach()
findings_end()
