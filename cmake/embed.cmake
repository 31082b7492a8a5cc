# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=x.cc -DFILES="a;b" -P embed.cmake: a C++ source with the texts of the files, as
# roost::server::openapi_pieces().
set(pieces "")
foreach(file ${FILES})
  file(READ ${file} text)
  string(APPEND pieces "    R\"__(${text})__\",\n")
endforeach()
file(WRITE ${OUT} "// Made by cmake/embed.cmake.
#include \"broker/server/openapi.h\"

namespace roost::server {

const std::vector<std::string_view>& openapi_pieces() {
  static const std::vector<std::string_view> kPieces = {
${pieces}  };
  return kPieces;
}

}  // namespace roost::server
")
