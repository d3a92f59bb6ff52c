# SPDX-License-Identifier: Apache-2.0
# -DSTATIC_GRPC=ON: gRPC and what only it needs (abseil, upb, re2, c-ares, libstdc++), and small
# libraries that nothing else shares, come from the static archives of the same Debian packages. The
# linker leaves out what is not reached. libcurl, OpenSSL and GnuTLS stay shared: Debian has no
# static archives of all that libcurl wants.
#
# Which archives are in it says build/session-dsm.map; the image's list of contents reads that.

function(static_archive name ret)
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=lib${name}.a
    OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT IS_ABSOLUTE "${path}") # the compiler found nothing and gives the name back
    message(FATAL_ERROR "STATIC_GRPC: there is no lib${name}.a; install the package that has it")
  endif()
  file(REAL_PATH ${path} path)
  set(${ret} ${path} PARENT_SCOPE)
endfunction()

pkg_check_modules(GRPC REQUIRED grpc)
set(members)
foreach(name IN LISTS GRPC_LIBRARIES ITEMS stdc++)
  if(NOT name MATCHES "^(ssl|crypto|z|m|rt|dl|pthread)$")
    static_archive(${name} path)
    list(APPEND members ${path})
  endif()
endforeach()
set(GRPC_LIBRARY -Wl,--start-group ${members} -Wl,--end-group PkgConfig::OPENSSL PkgConfig::CRYPTO z m)
set(GPR_LIBRARY)

foreach(pair PCRE2=pcre2-8 EXPAT=expat PROTOBUF_C=protobuf-c MURMURHASH=murmurhash YAJL=yajl_s UV=uv_a)
  string(REPLACE "=" ";" pair ${pair})
  list(GET pair 0 target)
  list(GET pair 1 name)
  static_archive(${name} path)
  set_target_properties(PkgConfig::${target} PROPERTIES INTERFACE_LINK_LIBRARIES ${path})
endforeach()

add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-static-libgcc -Wl,--gc-sections -Wl,--as-needed)
