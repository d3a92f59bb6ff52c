# SPDX-License-Identifier: Apache-2.0
# Programs of the tests once more under valgrind. Not in sanitizer builds: the two do not go together.
find_program(VALGRIND valgrind)

# valgrind_test(NAME LABEL TARGET ARGUMENT...): as ctest "valgrind.NAME". The label "valgrind-long" is
# that of scripts/test --full alone.
function(valgrind_test name label target)
  if(NOT VALGRIND OR SANITIZE)
    return()
  endif()
  # Under valgrind a program cannot raise the descriptor limit that valgrind was started with, and
  # with a million, as containers have it, valgrind itself may not start.
  add_test(NAME valgrind.${name}
    COMMAND sh -c "ulimit -S -n 4096; exec \"$@\"" sh
      ${VALGRIND} --quiet --leak-check=full --show-leak-kinds=definite,indirect
      --errors-for-leak-kinds=definite,indirect --error-exitcode=99 --num-callers=25
      --max-threads=2500
      $<TARGET_FILE:${target}> ${ARGN})
  set_tests_properties(valgrind.${name} PROPERTIES LABELS ${label} TIMEOUT 1800)
endfunction()

# valgrind_unit_tests(): every unit test of this folder so far.
function(valgrind_unit_tests)
  get_property(tests DIRECTORY PROPERTY TESTS)
  foreach(test IN LISTS tests)
    string(REGEX REPLACE "^unit\\." "" name ${test})
    # What looks for a secret in the process's memory reads what valgrind forbids.
    if(name STREQUAL test OR NOT TARGET test_${name} OR name STREQUAL "secret")
      continue()
    endif()
    # Thousands of signatures or inputs, or a new RSA key for each test, take minutes here.
    if(name MATCHES "^(auth_(authorizer|forged.*|jwt)|protobuf_codec|sim_ags)$")
      valgrind_test(${name} valgrind-long test_${name})
    else()
      valgrind_test(${name} valgrind test_${name})
    endif()
  endforeach()
endfunction()
