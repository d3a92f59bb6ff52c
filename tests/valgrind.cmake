# SPDX-License-Identifier: Apache-2.0
# Every unit test of this folder once more under valgrind, as ctest "valgrind.NAME". Include it after
# the last unit_test(). Not in sanitizer builds: the two do not go together.
find_program(VALGRIND valgrind)
if(VALGRIND AND NOT SANITIZE)
  get_property(tests DIRECTORY PROPERTY TESTS)
  foreach(test IN LISTS tests)
    string(REGEX REPLACE "^unit\\." "" name ${test})
    # Thousands of signatures or inputs, or a new RSA key for each test, take minutes here, and what
    # measures milliseconds is too slow to pass; what looks for a secret in the process's memory reads
    # what valgrind forbids. The sanitizer build runs all but the last as well.
    if(name MATCHES "^(auth_(authorizer|forged.*|jwt)|protobuf_codec|loop|http_faults|secret|sim_ags)$")
      continue()
    endif()
    if(NOT name STREQUAL test AND TARGET test_${name})
      # Under valgrind a program cannot raise the descriptor limit that valgrind was started with, and
      # with a million, as containers have it, valgrind itself may not start.
      add_test(NAME valgrind.${name}
        COMMAND sh -c "ulimit -S -n 4096; exec \"$@\"" sh
          ${VALGRIND} --quiet --leak-check=full --show-leak-kinds=definite,indirect
          --errors-for-leak-kinds=definite,indirect --error-exitcode=99 --num-callers=25
          --max-threads=2500
          $<TARGET_FILE:test_${name}>)
      set_tests_properties(valgrind.${name} PROPERTIES LABELS valgrind TIMEOUT 600)
    endif()
  endforeach()
endif()
