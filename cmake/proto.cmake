# SPDX-License-Identifier: Apache-2.0
# Target roost_proto: what protoc makes of proto/*.proto, in the build folder, so that it is
# included as "proto/NAME.pb.h" and "proto/NAME.grpc.pb.h". Not ours to warn about or to lint.

find_package(Protobuf REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

function(roost_protos)
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(GLOB protos CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/proto/*.proto)
  foreach(proto ${protos})
    get_filename_component(name ${proto} NAME_WE)
    set(made ${out}/proto/${name}.pb.cc ${out}/proto/${name}.grpc.pb.cc)
    add_custom_command(
      OUTPUT ${made} ${out}/proto/${name}.pb.h ${out}/proto/${name}.grpc.pb.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
      COMMAND protobuf::protoc -I ${CMAKE_SOURCE_DIR} --cpp_out=${out} --grpc_out=${out}
              --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${proto}
      DEPENDS ${proto} VERBATIM)
    list(APPEND sources ${made})
  endforeach()
  add_library(roost_proto STATIC ${sources})
  target_include_directories(roost_proto SYSTEM PUBLIC ${out})
  target_link_libraries(roost_proto PUBLIC roost_options protobuf::libprotobuf-lite
                        grpc++ grpc gpr absl_synchronization)
  target_compile_options(roost_proto PRIVATE -w)
  # Others' templates: with a sanitizer's checks they compile for half a minute once optimised.
  roost_compile_quickly(roost_proto)
endfunction()
