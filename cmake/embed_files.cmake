# embed_files(<target> NAMESPACE <name> FILES <file>...): puts files into a program, as they are.
#
# "#include <name>.hpp" then declares, for each of them, a std::string_view const that is called as
# the file, with what is no letter or digit as "_": page/index.html is <name>::index_html. Needs no
# tool but CMake; built again when a file changes.
#
# This file is both: the function, and the script that the build calls to write the source.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  set(source "#include \"${NAMESPACE}.hpp\"\n\nnamespace ${NAMESPACE} {\n")
  foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} name)
    file(READ ${file} bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
    string(REGEX REPLACE "([^\n]+)" "    \"\\1\"" bytes "${bytes}")
    string(APPEND source "std::string_view const ${name}{\n${bytes},\n    ${size}};\n")
  endforeach()
  file(WRITE ${OUTPUT} "${source}} // namespace ${NAMESPACE}\n")
  return()
endif()

set(embed_files_script ${CMAKE_CURRENT_LIST_FILE})

function(embed_files target)
  cmake_parse_arguments(arg "" "NAMESPACE" "FILES" ${ARGN})
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/embedded)
  list(TRANSFORM arg_FILES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)

  set(header "#pragma once\n\n#include <string_view>\n\nnamespace ${arg_NAMESPACE} {\n")
  foreach(file ${arg_FILES})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} name)
    string(APPEND header "extern std::string_view const ${name};\n")
  endforeach()
  file(CONFIGURE OUTPUT ${folder}/${arg_NAMESPACE}.hpp @ONLY
    CONTENT "${header}} // namespace ${arg_NAMESPACE}\n")

  add_custom_command(OUTPUT ${folder}/${arg_NAMESPACE}.cpp
    COMMAND ${CMAKE_COMMAND} -DNAMESPACE=${arg_NAMESPACE} "-DFILES=${arg_FILES}"
      -DOUTPUT=${folder}/${arg_NAMESPACE}.cpp -P ${embed_files_script}
    DEPENDS ${arg_FILES} ${embed_files_script}
    COMMENT "Embedding ${arg_NAMESPACE}" VERBATIM)
  target_sources(${target} PRIVATE ${folder}/${arg_NAMESPACE}.cpp)
  target_include_directories(${target} PRIVATE ${folder})
endfunction()
