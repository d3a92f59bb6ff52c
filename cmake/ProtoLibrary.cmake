# SPDX-License-Identifier: Apache-2.0
# proto_library(NAME PROTO FILE... [PROTO_PATH DIR...] [PREFIX [PACKAGE=]P...]
#               [SENSITIVE MESSAGE.FIELD...])
#
# A static library of what `codegen/generate.py grpc` makes of proto files: messages, the handlers'
# side, client stubs, what reflection serves. Link it, and include its headers by their bare names.
# It brings the runtime along: rpc (src/grpc), codec, base. The C is made when CMake runs and lies in
# the build folder; CMake runs again when a proto file or the generator changes.

set(PROTO_LIBRARY_ROOT ${CMAKE_CURRENT_LIST_DIR}/..)

function(proto_library name)
  cmake_parse_arguments(ARG "" "" "PROTO;PROTO_PATH;PREFIX;SENSITIVE" ${ARGN})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name})
  set(options "")
  foreach(folder ${ARG_PROTO_PATH})
    list(APPEND options --proto-path ${folder})
  endforeach()
  foreach(prefix ${ARG_PREFIX})
    list(APPEND options --prefix ${prefix})
  endforeach()
  foreach(field ${ARG_SENSITIVE})
    list(APPEND options --sensitive ${field})
  endforeach()
  execute_process(
    COMMAND ${PYTHON} ${PROTO_LIBRARY_ROOT}/codegen/generate.py grpc
      --proto ${ARG_PROTO} ${options} --out ${out} --list
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    OUTPUT_VARIABLE made RESULT_VARIABLE status OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${name}: no C was made of ${ARG_PROTO}")
  endif()
  string(REPLACE "\n" ";" made "${made}")
  set(sources "")
  set(inputs "")
  foreach(line ${made})
    if(line MATCHES "^made (.*\\.c)$")
      list(APPEND sources ${out}/${CMAKE_MATCH_1})
    elseif(line MATCHES "^read (.*)$")
      list(APPEND inputs ${CMAKE_MATCH_1})
    endif()
  endforeach()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${inputs})
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${out})
  target_link_libraries(${name} PUBLIC rpc_client)
endfunction()
