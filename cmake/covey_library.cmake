# covey_library(<name> PUBLIC_HEADERS ... SOURCES ... LINK ... [LINK_PRIVATE ...])
#
# One room of the house: a library with the alias covey::<room>, C++20, the house's warnings,
# and its public headers as a FILE_SET (that list is what gets installed, and what
# all_verify_interface_header_sets compiles one by one).
function(covey_library name)
  cmake_parse_arguments(arg "" "" "PUBLIC_HEADERS;SOURCES;LINK;LINK_PRIVATE" ${ARGN})
  set(include_root ${PROJECT_BINARY_DIR}/include)
  list(TRANSFORM arg_PUBLIC_HEADERS PREPEND ${include_root}/covey/)

  add_library(${name} ${arg_SOURCES})
  string(REPLACE covey_ "" room ${name})
  add_library(covey::${room} ALIAS ${name})
  set_target_properties(${name} PROPERTIES
    EXPORT_NAME ${room}
    VERIFY_INTERFACE_HEADER_SETS ON
    POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${name} PUBLIC cxx_std_20)
  # Code that can be part of a shared library is else not inlined, for somebody might replace it.
  target_compile_options(${name} PRIVATE -fno-semantic-interposition)
  target_sources(${name} PUBLIC
    FILE_SET HEADERS BASE_DIRS ${include_root} FILES ${arg_PUBLIC_HEADERS})
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE ${arg_LINK_PRIVATE})
  covey_warnings(${name})
  install(TARGETS ${name} EXPORT coveyTargets
    ARCHIVE COMPONENT development
    LIBRARY COMPONENT development
    FILE_SET HEADERS COMPONENT development)
endfunction()
