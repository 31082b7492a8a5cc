// SPDX-License-Identifier: Apache-2.0
// A batch as a request.
#include <algorithm>

#include "broker/base/file.h"
#include "broker/outgoing/signature.h"
#include "broker/outgoing/webhook.h"

namespace roost::outgoing {

namespace {

constexpr std::size_t kFileMax = 64 * 1024;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.pop_back();
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? std::string() : text.substr(begin);
}

// NAME: VALUE lines; others are skipped.
void add_headers(const std::string& text, auth::WebRequest& request) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && colon > 0) {
      request.headers.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    }
    at = end + 1;
  }
}

}  // namespace

Result<auth::WebRequest> Webhook::request() const {
  auth::WebRequest request;
  request.method = "POST";
  request.url = settings_.url;
  request.headers = {{"Content-Type", "application/json"}, {"webhook-id", batch_.id}};
  // The name has nothing that JSON escapes.
  request.body =
      "{\"webhook\":\"" + settings_.name + "\",\"id\":\"" + batch_.id + "\",\"events\":[";
  for (std::size_t i = 0; i < batch_.size; ++i) {
    if (i != 0) request.body += ',';
    request.body += events_[i].json;
  }
  request.body += "]}";
  const std::int64_t seconds = clock_.wall_ms() / 1000;
  request.headers.emplace_back("webhook-timestamp", std::to_string(seconds));
  if (!settings_.headers_file.empty()) {
    const auto text = base::read_file(settings_.headers_file, kFileMax);
    if (!text) return Unexpected(text.error());
    add_headers(*text, request);
  }
  if (!settings_.secret_file.empty()) {
    const auto text = base::read_file(settings_.secret_file, kFileMax);
    if (!text) return Unexpected(text.error());
    const auto secret = secret_bytes(trimmed(text->substr(0, text->find('\n'))));
    if (!secret) {
      return error(secret.error().kind, settings_.secret_file + ": " + secret.error().message);
    }
    request.headers.emplace_back("webhook-signature",
                                 webhook_signature(*secret, batch_.id, seconds, request.body));
  }
  return request;
}

}  // namespace roost::outgoing
