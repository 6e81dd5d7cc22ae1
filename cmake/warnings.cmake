# covey_warnings(<target>): the warnings every target of the house is built with. Where sources are
# compiled together, a name that one of them has for itself is no concern of the next one's locals.
function(covey_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic
    -Wold-style-cast -Wcast-qual -Wformat=2)
  get_target_property(unity ${target} UNITY_BUILD)
  if(NOT unity)
    target_compile_options(${target} PRIVATE -Wshadow)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wshadow=local -Wno-subobject-linkage)
  endif()
  if(COVEY_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
