// SPDX-License-Identifier: Apache-2.0
// The document of the API (OpenAPI 3.1), of the pieces in openapi/*.json: each has paths, and
// schemas that they use. A route without a path there fails a test.
// Thread: any thread (immutable).
#pragma once

#include <boost/json/value.hpp>

#include <string_view>
#include <vector>

#include "broker/http/server.h"

namespace roost::server {

// The pieces as they stand in the tree, put into the binary by cmake/embed.cmake.
const std::vector<std::string_view>& openapi_pieces();

// Requires (CHECK): the pieces are JSON, and no path or schema stands in two of them.
boost::json::object openapi_document();
// GET /api/v1/openapi.json
http::Response openapi_answer();

}  // namespace roost::server
