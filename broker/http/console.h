// SPDX-License-Identifier: Apache-2.0
// The web console's files, out of memory: with ETag, compressed where the browser takes that, and
// with headers that keep other people's scripts and frames out. They hold no secret: what the page
// shows comes from the API, with the token of who looks.
// Thread: any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/http/server.h"

namespace roost::http {

struct Asset {
  std::string_view name;  // "style.css"; the page itself is "index.html"
  std::string_view plain, gzip;
  std::string_view etag;  // without quotes; of the contents
};

// What cmake/console.cmake put into the binary; empty where it was built without.
const std::vector<Asset>& console_assets();

// GET /console/FILE; `/` and `/console` lead there. All open. `assets` and what they view must
// outlive the routes.
std::vector<Route> console_routes(const std::vector<Asset>& assets);

}  // namespace roost::http
