# Shows that every rule of layers.cmake, tidy.cmake and checks.cmake fires: a rule that cannot fail
# is no rule.
#   cmake -DSCRATCH=<dir> -P house_test.cmake
# A small tree that obeys them all must pass; the same tree with one bad file must be refused with
# the words of the rule it breaks.
cmake_minimum_required(VERSION 3.25)
set(tree ${SCRATCH}/tree)

function(good_tree)
  file(REMOVE_RECURSE ${tree})
  file(WRITE ${tree}/CMakeLists.txt
    "add_library(x cluster.cpp protocol/codec.cpp protocol/detail/ancillary.cpp master/seat.cpp)\n")
  file(WRITE ${tree}/tests/CMakeLists.txt "add_executable(t shm/map.test.cpp)\n")
  file(WRITE ${tree}/examples/CMakeLists.txt
    "foreach(example hello)\n  add_executable(\${example} \${example}.cpp)\nendforeach()\n")
  file(WRITE ${tree}/cluster.cpp
    "#include <covey/master/seat.hpp>\n#include <covey/worker/http/router.hpp>\n")
  file(WRITE ${tree}/protocol/codec.cpp "#include <msgpack.hpp>\n")
  file(WRITE ${tree}/protocol/detail/ancillary.cpp "auto x = CMSG_SPACE(4);\n")
  file(WRITE ${tree}/shm/map.hpp "#pragma once\n#include <covey/protocol/handle.hpp>\n")
  file(WRITE ${tree}/master/seat.cpp
    "#include \"seat.hpp\"\n#include <covey/shm/map.hpp>\n#include <spdlog/spdlog.h>\n"
    "// no pthread_mutex_destroy and no CMSG_ here; [brackets; and \\ too]\n")
  file(WRITE ${tree}/master/seat.hpp "#pragma once\n")
  file(WRITE ${tree}/worker/http/router.hpp "#pragma once\n#include \"../runtime.hpp\"\n")
  file(WRITE ${tree}/tools/CMakeLists.txt "add_executable(ctl ctl/main.cpp)\n")
  file(WRITE ${tree}/tools/ctl/main.cpp
    "#include \"table.hpp\"\n#include <covey/protocol/channel.hpp>\n#include <CLI/CLI.hpp>\n")
  file(WRITE ${tree}/tests/shm/map.test.cpp "auto x = CMSG_SPACE(4);\n"
    "TEST_CASE(\"a map has [two] rows\", \"[map]\")\n"
    "TEST_CASE(\n    \"a b; \"\n    \"it ends\")\n")
  file(WRITE ${tree}/examples/hello.cpp "#include <covey/covey.hpp>\n")
  file(WRITE ${tree}/docs/page.md
    "[home](../README.md#top) [folder](../examples) [away](https://example.org/x) [here](#here)\n")
  file(WRITE ${tree}/README.md "a; b [c\n")
  file(WRITE ${tree}/tests/shm/broken/frees_early.patch "")
  file(WRITE ${tree}/docs/internals/checks.md "| row | what | tests |\n|---|---|---|\n"
    "| 1 | one | a map has [two] rows; a build that frees early is caught; (tests/shm/broken) |\n"
    "| 2 | more | a b; it ends |\n")
endfunction()

function(run_rules script out)
  execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${tree} -P ${CMAKE_CURRENT_LIST_DIR}/${script}
    RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
  set(${out} "${said}" PARENT_SCOPE)
  set(failed ${failed} PARENT_SCOPE)
endfunction()

# refuses(<script> <file> <text> <words>): with <file> so, the script fails and says the words.
function(refuses script file text words)
  good_tree()
  file(WRITE ${tree}/${file} "${text}")
  run_rules(${script} said)
  string(FIND "${said}" "${words}" at)
  if(failed EQUAL 0 OR at EQUAL -1)
    message(SEND_ERROR "${script} lets ${file} pass; expected \"${words}\", heard:\n${said}")
  endif()
endfunction()

good_tree()
foreach(script layers.cmake tidy.cmake checks.cmake)
  run_rules(${script} said)
  if(NOT failed EQUAL 0)
    message(SEND_ERROR "${script} refuses a good tree:\n${said}")
  endif()
endforeach()

# ---- layers --------------------------------------------------------------------------------------
function(layers file text words)
  refuses(layers.cmake ${file} "${text}" "${file}: ${words}")
endfunction()
layers(master/seat.cpp "#include <covey/worker/worker.hpp>\n"
  "includes worker/worker.hpp, which master may not see")
layers(master/seat.cpp "int a;\n  #  include \"../worker/runtime.hpp\"\n"
  "includes worker/runtime.hpp, which master may not see")
layers(worker/http/router.hpp "#pragma once\n#include \"../../master/seat.hpp\"\n"
  "includes master/seat.hpp, which worker may not see")
layers(shm/map.hpp "#pragma once\n#include <covey/protocol/channel.hpp>\n"
  "includes protocol/channel.hpp, which shm may not see")
layers(protocol/codec.cpp "#include <covey/shm/map.hpp>\n"
  "includes shm/map.hpp, which protocol may not see")
layers(worker/worker.hpp "#pragma once\n#include <covey/cluster.hpp>\n"
  "includes cluster.hpp, which worker may not see")
layers(tools/ctl/main.cpp "#include <covey/master/master.hpp>\n"
  "includes master/master.hpp, which tools may not see")
layers(tools/ctl/main.cpp "#include \"../../worker/runtime.hpp\"\n"
  "includes worker/runtime.hpp, which tools may not see")
layers(tools/ctl/table.hpp "#pragma once\n#include <CLI/CLI.hpp>\n" "includes CLI/ in a header")
foreach(library boost/beast/http.hpp spdlog/spdlog.h CLI/CLI.hpp msgpack.hpp)
  layers(worker/http/router.hpp "#pragma once\n#include <${library}>\n" "includes")
endforeach()
layers(cluster.hpp "#pragma once\n#include <CLI/CLI.hpp>\n" "includes CLI/ in a header")
layers(shm/map.cpp "#include <msgpack/object.hpp>\n"
  "includes msgpack, which only the codecs of protocol and of snapshots may")
layers(protocol/channel.cpp "int n = CMSG_LEN(4);\n" "uses a CMSG_ macro")
layers(tests/shm/map.test.cpp "int n = pthread_mutex_destroy(&m);\n" "destroys a mutex")
layers(examples/hello.cpp "#include <covey/protocol/detail/ancillary.hpp>\n"
  "includes <covey/protocol/detail/ancillary.hpp>: an example is a user's program")

# ---- tidy ----------------------------------------------------------------------------------------
function(tidy file text words)
  refuses(tidy.cmake ${file} "${text}" "${file}${words}")
endfunction()
string(REPEAT x 101 long)
string(REPEAT "a;\n" 501 tall)
tidy(protocol/codec.cpp "a[1];\n${long}\n" ":2: a line of more than 100 characters")
tidy(protocol/codec.cpp "a\n\n\tb\n" ":3: a tab")
foreach(word TODO FIXME XXX)
  tidy(protocol/codec.cpp "a\n// ${word}: later\n" ":2: something is left to do")
  tidy(protocol/codec.cpp "a\n${word}\n" ":2: something is left to do")
endforeach()
foreach(path work/main home/anna/src tmp/build-x)
  tidy(dev "cd /${path}/a\n" ":1: a path of one machine")
endforeach()
tidy(protocol/codec.cpp "${tall}" ": 501 lines: look for a second noun")
tidy(shm/map.hpp "int a;\n" ": no #pragma once")
tidy(shm/forgotten.cpp "int a;\n" ": no CMakeLists.txt names it")
tidy(tests/shm/forgotten.test.cpp "int a;\n" ": no CMakeLists.txt names it")
tidy(tests/map.test.cpp "int a;\n" ": no CMakeLists.txt names it") # shm/map.test.cpp is another
tidy(examples/hell.cpp "int a;\n" ": no CMakeLists.txt names it")
foreach(mark "<<<<<<< HEAD" "=======" ">>>>>>> other" "||||||| base")
  tidy(protocol/codec.cpp "a[1];\n${mark}\nb;\n" ":2: a merge that was not resolved")
  tidy(docs/page.md "${mark}" ":1: a merge that was not resolved")
endforeach()
tidy(docs/page.md "see [this]; and [that](other.md)\n" ": a link to other.md")
tidy(README.md "[a [b]](dev/null/x.md#part)\n" ": a link to dev/null/x.md")

# ---- checks --------------------------------------------------------------------------------------
function(checks cell words)
  refuses(checks.cmake docs/internals/checks.md "# Checks\n\n| 3 | third | ${cell} |\n"
    "docs/internals/checks.md:3: ${words}")
endfunction()
checks("a map has [two] row" "no test is called \"a map has _two_ row\"")
checks("a map has [two] rows; a; it ends" "no test is called \"a\"")
checks("a build that frees late is caught" "no test is called \"a build that frees late")
checks("(see tests/shm/gone.test.cpp)" "tests/shm/gone.test.cpp is not there")
checks("a map has [two] rows; (fuzz_map)" "tests/fuzz/map.fuzz.cpp is not there")
file(REMOVE_RECURSE ${SCRATCH})
