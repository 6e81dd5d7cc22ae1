# tidy: what a reviewer should not have to say.
#   cmake -DROOT=<tree> -P tidy.cmake
# In code: lines of at most 100 characters, no tabs, nothing left to do, no path of one machine, at
# most 500 lines a file. Headers have #pragma once. A .cpp that no CMakeLists.txt names is a test
# that exists and does not run: that fails too. In pages: no link to a file that is not there.
# Anywhere: no mark of a merge that was not resolved.
include(${CMAKE_CURRENT_LIST_DIR}/source_files.cmake)

set(lines_max 500)
string(REPEAT "[^\n]" 101 too_long)
set(left_to_do "(^|[^A-Za-z0-9_])(TODO|FIXME|XXX)($|[^A-Za-z0-9_])")
set(merge_mark "(^|\n)(<<<<<<<|[|][|][|][|][|][|][|]|=======|>>>>>>>)( |\n|$)")
set(machine_path "(^|[^A-Za-z0-9_.}/-])/(work|home/[a-z]+|tmp/build[^/]*)/")

# first_match(<text> <regex> <out>): the number of the first line with a match, 0 if there is none.
function(first_match text regex out)
  set(line 0)
  if("${text}" MATCHES "${regex}")
    set(match "${CMAKE_MATCH_0}")
    string(FIND "${text}" "${match}" at)
    if(match MATCHES "^\n.")
      math(EXPR at "${at} + 1") # the pattern took the end of the line before
    endif()
    string(SUBSTRING "${text}" 0 ${at} before)
    string(REGEX REPLACE "[^\n]" "" newlines "${before}\n")
    string(LENGTH "${newlines}" line)
  endif()
  set(${out} ${line} PARENT_SCOPE)
endfunction()

function(check file text regex what)
  first_match("${text}" "${regex}" line)
  if(line)
    report(${file}:${line} "${what}")
  endif()
endfunction()

# The text of a file without the characters that have a meaning in CMake's lists and patterns and
# none in the rules.
function(plain_text file out)
  file(READ ${ROOT}/${file} text)
  string(REGEX REPLACE "[][;\\\\]" "_" text "${text}")
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# Whether a CMakeLists.txt of the file's folder or above names it: by its path from there, with or
# without the suffix.
function(check_named file)
  string(REGEX REPLACE "\\.cpp$" "" stem ${file})
  get_filename_component(folder ${file} DIRECTORY)
  while(TRUE)
    if(folder STREQUAL "")
      set(name ${stem})
      set(lists ${ROOT}/CMakeLists.txt)
    else()
      string(LENGTH ${folder}/ skip)
      string(SUBSTRING ${stem} ${skip} -1 name)
      set(lists ${ROOT}/${folder}/CMakeLists.txt)
    endif()
    if(EXISTS ${lists})
      file(READ ${lists} text)
      string(REGEX REPLACE "#[^\n]*" "" text "${text}")
      string(REGEX REPLACE "([][+.*()^])" "\\\\\\1" name ${name})
      if("${text}" MATCHES "(^|[ \n\t(\"]|}/)${name}(\\.cpp)?([ \n\t)\"]|$)")
        return()
      endif()
    endif()
    if(folder STREQUAL "")
      report(${file} "no CMakeLists.txt names it: it is never built")
      return()
    endif()
    get_filename_component(folder ${folder} DIRECTORY)
  endwhile()
endfunction()

source_files(files ROOT ${ROOT}
  NAMES *.hpp *.cpp *.cmake CMakeLists.txt *.py *.js *.css *.html *.sh dev run bare-debian)
foreach(file ${files})
  file(READ ${ROOT}/${file} text)
  # These would have a meaning in CMake's lists and patterns, and none in the rules.
  string(REGEX REPLACE "[][;\\\\]" "_" text "${text}")
  # A character of several bytes counts once.
  string(REGEX REPLACE "[^\n\t -~][^\n\t -~]?[^\n\t -~]?" "_" text "${text}")

  check(${file} "${text}" "${too_long}" "a line of more than 100 characters")
  check(${file} "${text}" "\t" "a tab")
  if(NOT file MATCHES "^tests/house/") # which names what it looks for
    check(${file} "${text}" "${left_to_do}" "something is left to do")
    check(${file} "${text}" "${machine_path}" "a path of one machine")
  endif()

  string(REGEX REPLACE "[^\n]" "" newlines "${text}")
  string(LENGTH "${newlines}" lines)
  if(lines GREATER lines_max)
    report(${file} "${lines} lines: look for a second noun (at most ${lines_max})")
  endif()
  if(file MATCHES "\\.hpp$" AND NOT "${text}" MATCHES "(^|\n)#pragma once\n")
    report(${file} "no #pragma once")
  endif()
  if(file MATCHES "\\.cpp$")
    check_named(${file})
  endif()
endforeach()

source_files(mergeable ROOT ${ROOT}
  NAMES *.hpp *.cpp *.cmake *.txt *.md *.json *.patch *.py *.js *.css *.html *.sh .clang-*
    dev run bare-debian)
foreach(file ${mergeable})
  plain_text(${file} text)
  check(${file} "${text}" "${merge_mark}" "a merge that was not resolved")
endforeach()

source_files(pages ROOT ${ROOT} NAMES *.md)
foreach(page ${pages})
  file(READ ${ROOT}/${page} text)
  get_filename_component(folder ${ROOT}/${page} DIRECTORY)
  string(REPLACE ";" "," text "${text}")
  string(REPLACE "](" "<link " text "${text}") # brackets have a meaning in CMake's lists
  string(REGEX REPLACE "[][]" "_" text "${text}")
  string(REGEX MATCHALL "<link [^) #:\n]+[)#]" links "${text}")
  foreach(link ${links})
    string(REGEX REPLACE "^<link (.*).$" "\\1" link "${link}")
    if(NOT EXISTS ${folder}/${link})
      report(${page} "a link to ${link}, which is not there")
    endif()
  endforeach()
endforeach()
findings_end()
