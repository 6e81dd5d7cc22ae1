# covey_warnings(<target>): the warnings every target of the house is built with.
function(covey_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
    -Wold-style-cast -Wcast-qual -Wformat=2)
  if(COVEY_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
