# checks: docs/internals/checks.md names tests that exist.
#   cmake -DROOT=<tree> -P checks.cmake
# The last cell of a row is a list with "; " between: names of test cases, or of tests that a
# CMakeLists.txt or a patch of tests/shm/broken makes. What is none stands in brackets and says in
# words where to look; a path and a fuzz target in them must be there, too.
include(${CMAKE_CURRENT_LIST_DIR}/source_files.cmake)

set(table docs/internals/checks.md)

# Without the characters that have a meaning in CMake's lists and patterns, in names and rows alike;
# a semicolon is a percent sign.
function(plain_text file out)
  file(READ ${ROOT}/${file} text)
  string(REPLACE ";" "%" text "${text}")
  string(REGEX REPLACE "[][\\\\]" "_" text "${text}")
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# ---- what there is -------------------------------------------------------------------------------
source_files(files ROOT ${ROOT} NAMES *.test.cpp CMakeLists.txt)
list(FILTER files INCLUDE REGEX "^tests/")
foreach(file ${files})
  plain_text(${file} text)
  set(begins "TEST_CASE[(]")
  if(file MATCHES "\\.txt$")
    set(begins "add_test[(]NAME")
  endif()
  set(word "[ \n]*\"[^\"\n]*\"") # a name may be written in several
  string(REGEX MATCHALL "${begins}${word}(${word})*" cases "${text}")
  foreach(case ${cases})
    string(REGEX MATCH "\"(.*)\"$" case "${case}")
    string(REGEX REPLACE "\"[ \n]*\"" "" case "${CMAKE_MATCH_1}")
    set("is a test: ${case}" ON)
  endforeach()
endforeach()
source_files(patches ROOT ${ROOT} NAMES *.patch)
list(FILTER patches INCLUDE REGEX "^tests/shm/broken/")
foreach(patch ${patches})
  get_filename_component(name ${patch} NAME_WE)
  string(REPLACE _ " " name ${name})
  set("is a test: a build that ${name} is caught" ON)
endforeach()

# ---- what is said to be --------------------------------------------------------------------------
plain_text(${table} text)

function(report_row row what)
  string(FIND "${text}" "${row}" at)
  string(SUBSTRING "${text}" 0 ${at} before)
  string(REGEX REPLACE "[^\n]" "" newlines "${before}\n\n")
  string(LENGTH "${newlines}" line)
  report(${table}:${line} "${what}")
endfunction()

string(REGEX MATCHALL "\n[|][^\n]*[|]" rows "${text}")
foreach(row ${rows})
  string(REGEX REPLACE "^.*[|] (.*) [|]$" "\\1" cell "${row}")
  if(cell STREQUAL "tests" OR row MATCHES "^\n[|]---")
    continue()
  endif()
  string(REPLACE "% " ";" entries "${cell}")
  set(name "") # one with a semicolon is several entries
  foreach(entry ${entries})
    string(APPEND name "${entry}")
    if(DEFINED "is a test: ${name}")
      set(name "")
    elseif(name MATCHES "^[(].*[)]$")
      string(REGEX MATCHALL "(tests|shm|worker|master|protocol)/[a-z0-9_/.]+[a-z]|fuzz_[a-z]+"
        places "${name}")
      foreach(place ${places})
        string(REGEX REPLACE "^fuzz_(.*)$" "tests/fuzz/\\1.fuzz.cpp" place ${place})
        if(NOT EXISTS ${ROOT}/${place})
          report_row("${row}" "${place} is not there")
        endif()
      endforeach()
      set(name "")
    else()
      string(APPEND name "% ")
    endif()
  endforeach()
  if(NOT name STREQUAL "")
    string(REGEX REPLACE "% .*$" "" name "${name}")
    report_row("${row}" "no test is called \"${name}\"")
  endif()
endforeach()
findings_end()
