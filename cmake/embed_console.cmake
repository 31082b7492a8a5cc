# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=x.cc -DFILES="a.css;name.js=path" -P embed_console.cmake: a C++ source with the files,
# as they are and compressed, as roost::http::console_assets().
set(texts "")
set(rows "")
set(number 0)

# A C++ string literal of a file's bytes, in lines that compilers and editors bear.
function(literal_of file result)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
  string(REGEX REPLACE "(....)(....)(....)(....)(....)(....)(....)(....)" "\\0\"\n\"" bytes "${bytes}")
  set(${result} "\"${bytes}\"" PARENT_SCOPE)
endfunction()

foreach(entry ${FILES})
  if(entry MATCHES "^([^=/]+)=(.+)$")
    set(name ${CMAKE_MATCH_1})
    set(file ${CMAKE_MATCH_2})
  else()
    set(file ${entry})
    get_filename_component(name ${entry} NAME)
  endif()
  file(SHA256 ${file} hash)
  string(SUBSTRING ${hash} 0 24 tag)
  set(short ${OUT}.gz)
  execute_process(COMMAND gzip -9nc ${file} OUTPUT_FILE ${short} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "gzip can't compress ${file}")
  endif()
  literal_of(${file} plain)
  literal_of(${short} gzip)
  file(REMOVE ${short})
  string(APPEND texts "constexpr char kPlain${number}[] = ${plain};\n"
    "constexpr char kGzip${number}[] = ${gzip};\n")
  string(APPEND rows "    {\"${name}\", of(kPlain${number}), of(kGzip${number}), \"${tag}\"},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE ${OUT} "// Made by cmake/embed_console.cmake.
#include <cstddef>
#include <string_view>
#include <vector>

#include \"broker/http/console.h\"

namespace roost::http {

namespace {

template <std::size_t kSize>
constexpr std::string_view of(const char (&text)[kSize]) {
  return {text, kSize - 1};
}

${texts}
}  // namespace

const std::vector<Asset>& console_assets() {
  static const std::vector<Asset> kAssets = {
${rows}  };
  return kAssets;
}

}  // namespace roost::http
")
