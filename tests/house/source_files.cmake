# source_files(<out> ROOT <root> [NAMES pattern...]): the files of the tree, as paths from its root,
# whose names match one of the patterns. Folders are named here, so that build trees, editors'
# files and whatever else lies about are not taken for the house.
cmake_minimum_required(VERSION 3.25)

set(house_folders protocol shm worker master tests bench examples tools cmake docs .ci)
set(house_rooms protocol shm worker master tools)

function(source_files out)
  cmake_parse_arguments(arg "" "ROOT" "NAMES" ${ARGN})
  set(patterns "")
  foreach(pattern ${arg_NAMES})
    list(APPEND patterns ${arg_ROOT}/${pattern})
    foreach(folder ${house_folders})
      list(APPEND deep ${arg_ROOT}/${folder}/${pattern})
    endforeach()
  endforeach()
  file(GLOB top LIST_DIRECTORIES OFF RELATIVE ${arg_ROOT} ${patterns})
  file(GLOB_RECURSE below LIST_DIRECTORIES OFF RELATIVE ${arg_ROOT} ${deep})
  set(found ${top} ${below})
  list(SORT found)
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# report(<file> <what>): one finding. findings_end() fails the script if there was any.
function(report file what)
  message("${file}: ${what}")
  set_property(GLOBAL APPEND PROPERTY findings ${file})
endfunction()

function(findings_end)
  get_property(findings GLOBAL PROPERTY findings)
  list(LENGTH findings count)
  if(count)
    message(FATAL_ERROR "${count} findings")
  endif()
endfunction()
