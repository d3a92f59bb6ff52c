# SPDX-License-Identifier: Apache-2.0
# What is used of gRPC beyond the calls that every version has: connections that are accepted outside
# of the library and handed to it, credentials as objects of
# their own, the resource quota as an argument. Later versions have moved such parts before; one that
# lacks them is named here and not by a compiler's error in the middle of the build.

include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES ${GRPC_LIBRARY} ${GPR_LIBRARY})
check_c_source_compiles("
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
int main(void) {
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    grpc_resource_quota *quota = grpc_resource_quota_create(\"check\");
    const grpc_arg_pointer_vtable *vtable = grpc_resource_quota_arg_vtable();
    grpc_server *server = grpc_server_create(0, 0);
    grpc_server_add_channel_from_fd(server, -1, credentials);
    grpc_server_credentials_release(credentials);
    grpc_resource_quota_unref(quota);
    return vtable == 0;
}" GRPC_SURFACE_IS_KNOWN)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT GRPC_SURFACE_IS_KNOWN)
  message(FATAL_ERROR "This gRPC lacks grpc_server_add_channel_from_fd, grpc_insecure_server_credentials_create "
    "or grpc_resource_quota_arg_vtable as version 1.51 has them. src/grpc/connections.c and "
    "src/grpc/listen.c use them, and have to be adapted to it.")
endif()
