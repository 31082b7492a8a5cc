// SPDX-License-Identifier: Apache-2.0
#include "broker/http/console.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace roost::http {

namespace {

constexpr std::string_view kPath = "/console/";

constexpr std::array<std::pair<std::string_view, const char*>, 5> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
}};

std::string type_of(std::string_view name) {
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

// Nothing inline and nothing of others; a page of this origin reaches brokers by WebSocket, and
// MQTT.js keeps its timer in a worker made of a blob.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws: wss:; worker-src 'self' blob:; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'none'";

void guard_page(Response& response) {
  response.headers.emplace_back("Content-Security-Policy", kPolicy);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
}

// The parts of "gzip;q=0.5, br" or of a list of tags, without blanks.
template <typename Each>
void for_each_part(std::string_view list, const Each& each) {
  while (!list.empty()) {
    std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), part.size() + 1));
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (!part.empty()) each(part);
  }
}

bool takes_gzip(const Request& request) {
  bool takes = false;
  for_each_part(request.header("Accept-Encoding"), [&](std::string_view part) {
    const std::string_view coding = part.substr(0, part.find(';'));
    if (coding != "gzip" && coding != "*") return;
    // q=0, q=0.0 and so on: not at all.
    const std::size_t weight = part.find("q=");
    takes = weight == std::string_view::npos ||
            part.find_first_not_of("0.", weight + 2) != std::string_view::npos;
  });
  return takes;
}

// The tag of either form; compared weakly, as If-None-Match says.
bool has_it(const Request& request, const std::string& tag) {
  bool has = false;
  for_each_part(request.header("If-None-Match"), [&](std::string_view part) {
    if (part.starts_with("W/")) part.remove_prefix(2);
    has = has || part == "*" || part == tag;
  });
  return has;
}

Response serve(const Asset& asset, const Request& request) {
  const bool is_short = takes_gzip(request) && !asset.gzip.empty();
  const std::string tag = "\"" + std::string(asset.etag) + (is_short ? "-gz\"" : "\"");
  Response response;
  response.content_type = type_of(asset.name);
  response.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}, {"Vary", "Accept-Encoding"}};
  guard_page(response);
  if (has_it(request, tag)) {
    response.status = 304;
    return response;
  }
  if (is_short) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = is_short ? asset.gzip : asset.plain;
  return response;
}

// Relative, so that a proxy may put all of it below a path of its own.
Response lead_there() {
  Response response{302, "the console is at console/\n"};
  response.headers.emplace_back("Location", "console/");
  guard_page(response);
  return response;
}

}  // namespace

std::vector<Route> console_routes(const std::vector<Asset>& assets) {
  const auto file = [&assets](const Request& request) {
    std::string_view name = std::string_view(request.path).substr(kPath.size());
    if (name.empty()) name = "index.html";
    const auto found = std::find_if(assets.begin(), assets.end(),
                                    [name](const Asset& one) { return one.name == name; });
    if (found != assets.end()) return serve(*found, request);
    Response missing = assets.empty()
                           ? error_response(404, "this binary was built without the console", false)
                           : error_response(404, "the console has no such file", false);
    guard_page(missing);
    return missing;
  };
  return {{"GET", "/", [](const Request&) { return lead_there(); }, /*is_open=*/true},
          {"GET", "/console", [](const Request&) { return lead_there(); }, /*is_open=*/true},
          {"GET", "/console/*", file, /*is_open=*/true}};
}

}  // namespace roost::http
