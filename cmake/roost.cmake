# SPDX-License-Identifier: Apache-2.0
# Folder = namespace = target. roost_library(broker/mqtt DEPS roost_base) makes target roost_mqtt
# of every .cc file in that folder; DEPS lists what it may include (tests/tidy checks the includes).
# ONLY or WITHOUT: a regular expression of paths, where a folder is more than one target; NAME then.

function(roost_library folder)
  cmake_parse_arguments(ARG "" "NAME;ONLY;WITHOUT" "DEPS;LIBS" ${ARGN})
  get_filename_component(name ${folder} NAME)
  if(ARG_NAME)
    set(name ${ARG_NAME})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(ARG_ONLY)
    list(FILTER sources INCLUDE REGEX ${ARG_ONLY})
  endif()
  if(ARG_WITHOUT)
    list(FILTER sources EXCLUDE REGEX ${ARG_WITHOUT})
  endif()
  if(sources)
    add_library(roost_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(roost_${name} PRIVATE roost_warnings)
    if(TARGET roost_precompiled_sources)
      target_precompile_headers(roost_${name} REUSE_FROM roost_precompiled_sources)
    endif()
  else()
    add_library(roost_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(roost_${name} ${scope} ${CMAKE_SOURCE_DIR})
  target_link_libraries(roost_${name} ${scope} roost_options ${ARG_DEPS} ${ARG_LIBS})
endfunction()

# The headers that nearly every source file includes, compiled once: a third of the build's time.
function(roost_precompiled_sources)
  file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/precompiled_sources.cc CONTENT "")
  add_library(roost_precompiled_sources OBJECT ${CMAKE_CURRENT_BINARY_DIR}/precompiled_sources.cc)
  target_link_libraries(roost_precompiled_sources PRIVATE roost_warnings roost_options)
  target_include_directories(roost_precompiled_sources PRIVATE ${CMAKE_SOURCE_DIR})
  target_precompile_headers(roost_precompiled_sources PRIVATE <cmake/precompiled.h>)
endfunction()

# Sanitizers' checks in test code cost twice its compile time once it is optimised, and those of
# undefined behaviour two thirds of what it takes then: they are for the product.
function(roost_compile_quickly target)
  if(ROOST_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
    set_target_properties(${target} PROPERTIES ROOST_WITHOUT_UBSAN ON)
  endif()
endfunction()

# Test code is compiled once and runs for a moment: what it tests is optimised. Memory for the
# compiler saves a tenth of its time.
function(roost_compile_as_test target)
  target_compile_options(${target} PRIVATE -O0
    $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=600000>)
  roost_compile_quickly(${target})
endfunction()

# The headers that nearly every test includes, compiled once; a test includes what it uses all the same.
function(roost_precompiled_tests)
  file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cc CONTENT "")
  add_library(roost_precompiled OBJECT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cc)
  target_link_libraries(roost_precompiled PRIVATE roost_warnings roost_options GTest::gtest GTest::gmock)
  target_include_directories(roost_precompiled PRIVATE ${CMAKE_SOURCE_DIR})
  target_precompile_headers(roost_precompiled PRIVATE <tests/precompiled.h>)
  roost_compile_as_test(roost_precompiled)
endfunction()

# roost_test(mqtt DEPS roost_mqtt): tests/mqtt/*_test.cc become one binary mqtt_tests, known to CTest.
function(roost_test name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_tests ${sources})
  target_link_libraries(${name}_tests PRIVATE roost_warnings roost_options ${ARG_DEPS} ${ARG_LIBS}
                        GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${name}_tests PRIVATE ${CMAKE_SOURCE_DIR})
  target_precompile_headers(${name}_tests REUSE_FROM roost_precompiled)
  # g++ 12's warnings about its own std::string (GCC bug 105329) come out of precompiled headers.
  target_compile_options(${name}_tests PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>)
  roost_compile_as_test(${name}_tests)
  gtest_discover_tests(${name}_tests DISCOVERY_TIMEOUT 60
                       WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTIES TIMEOUT 120)
endfunction()

# Each tests/fuzz/NAME_fuzz.cc becomes one libFuzzer binary NAME_fuzz; the target `fuzzers` is all of them.
# Of the product they get what parses bytes from outside, compiled with clang's instrumentation.
function(roost_fuzzers)
  add_custom_target(fuzzers)
  file(GLOB fuzzed CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/broker/auth/base64url.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/hash_kinds.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/http_auth_message.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/jwks.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/jwt_claims.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/jwt_keys.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/jwt_verifier.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/mosquitto_acl.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/network.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/openssl_hashes.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/password_file.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/password_hash.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/request_identity.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/rule*.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/scram.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/scram_secret.cc
    ${CMAKE_SOURCE_DIR}/broker/auth/topic_pattern.cc
    ${CMAKE_SOURCE_DIR}/broker/base/*.cc
    ${CMAKE_SOURCE_DIR}/broker/gates/interest_frames.cc
    ${CMAKE_SOURCE_DIR}/broker/gates/peer_frames.cc
    ${CMAKE_SOURCE_DIR}/broker/gates/peer_message.cc
    ${CMAKE_SOURCE_DIR}/broker/gates/relay_frames.cc
    ${CMAKE_SOURCE_DIR}/broker/http/attempts.cc
    ${CMAKE_SOURCE_DIR}/broker/http/guard.cc
    ${CMAKE_SOURCE_DIR}/broker/http/query.cc
    ${CMAKE_SOURCE_DIR}/broker/http/router.cc
    ${CMAKE_SOURCE_DIR}/broker/http/tokens.cc
    ${CMAKE_SOURCE_DIR}/broker/http/web_url.cc
    ${CMAKE_SOURCE_DIR}/broker/mqtt/*.cc
    ${CMAKE_SOURCE_DIR}/broker/net/http_upgrade.cc
    ${CMAKE_SOURCE_DIR}/broker/net/proxy_protocol.cc
    ${CMAKE_SOURCE_DIR}/broker/net/socket.cc
    ${CMAKE_SOURCE_DIR}/broker/net/websocket.cc
    ${CMAKE_SOURCE_DIR}/broker/observe/traceparent.cc
    ${CMAKE_SOURCE_DIR}/broker/routing/*.cc
    ${CMAKE_SOURCE_DIR}/broker/server/web_*.cc
    ${CMAKE_SOURCE_DIR}/broker/session/body_parts.cc
    ${CMAKE_SOURCE_DIR}/broker/session/packed*.cc
    ${CMAKE_SOURCE_DIR}/broker/session/pieced_bytes.cc
    ${CMAKE_SOURCE_DIR}/broker/session/record_*.cc
    ${CMAKE_SOURCE_DIR}/broker/session/share_step.cc
    ${CMAKE_SOURCE_DIR}/broker/session/state_*.cc
    ${CMAKE_SOURCE_DIR}/cluster/peer_messages.cc
    ${CMAKE_SOURCE_DIR}/cluster/replication_codec.cc
    ${CMAKE_SOURCE_DIR}/cluster/replication/log_record.cc
    ${CMAKE_SOURCE_DIR}/tests/support/packet_text.cc
    ${CMAKE_SOURCE_DIR}/tests/support/wire_cases*.cc)
  list(FILTER fuzzed EXCLUDE REGEX "/routing/router(_peers)?\\.cc$")
  add_library(roost_fuzzed STATIC ${fuzzed})
  target_include_directories(roost_fuzzed PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(roost_fuzzed PUBLIC roost_options Boost::headers Boost::json OpenSSL::Crypto argon2 jwt wslay
    yaml-cpp)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cc)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE roost_fuzzed)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${name})
  endforeach()
endfunction()

# Each tests/bench/NAME_bench.cc becomes one Google Benchmark binary NAME_bench; `benches` is all of them.
function(roost_benches)
  find_package(benchmark REQUIRED)
  add_custom_target(benches)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/bench/*_bench.cc)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE roost_warnings roost_options roost_gates roost_session roost_routing roost_auth roost_storage roost_cluster roost_peer
                          roost_mqtt roost_core benchmark::benchmark benchmark::benchmark_main)
    add_dependencies(benches ${name})
  endforeach()
endfunction()
