# SPDX-License-Identifier: Apache-2.0
# Folder = namespace = target. roost_library(broker/mqtt DEPS roost_base) makes target roost_mqtt
# of every .cc file in that folder; DEPS lists what it may include (tests/tidy checks the includes).

function(roost_library folder)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
  get_filename_component(name ${folder} NAME)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(sources)
    add_library(roost_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(roost_${name} PRIVATE roost_warnings)
  else()
    add_library(roost_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(roost_${name} ${scope} ${CMAKE_SOURCE_DIR})
  target_link_libraries(roost_${name} ${scope} roost_options ${ARG_DEPS} ${ARG_LIBS})
endfunction()

# Sanitizers' checks in test code cost twice its compile time once it is optimised.
function(roost_compile_quickly target)
  if(ROOST_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# The headers that nearly every test includes, compiled once; a test includes what it uses all the same.
function(roost_precompiled_tests)
  file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cc CONTENT "")
  add_library(roost_precompiled OBJECT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cc)
  target_link_libraries(roost_precompiled PRIVATE roost_warnings roost_options GTest::gtest GTest::gmock)
  target_precompile_headers(roost_precompiled PRIVATE ${CMAKE_SOURCE_DIR}/tests/precompiled.h)
  roost_compile_quickly(roost_precompiled)
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
  roost_compile_quickly(${name}_tests)
  gtest_discover_tests(${name}_tests DISCOVERY_TIMEOUT 60
                       WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTIES TIMEOUT 120)
endfunction()

# Each tests/fuzz/NAME_fuzz.cc becomes one libFuzzer binary NAME_fuzz; the target `fuzzers` is all of them.
function(roost_fuzzers)
  add_custom_target(fuzzers)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cc)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE roost_options roost_support roost_mqtt roost_routing roost_session roost_net)
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
    target_link_libraries(${name} PRIVATE roost_warnings roost_options roost_session roost_routing roost_storage
                          roost_mqtt roost_core benchmark::benchmark benchmark::benchmark_main)
    add_dependencies(benches ${name})
  endforeach()
endfunction()
