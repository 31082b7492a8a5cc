// SPDX-License-Identifier: Apache-2.0
// The bans of a node, kept in its data directory, and the verbs for them:
//   GET  /api/v1/bans         -> {"bans": [{"kind", "what", "until_ms", "why"}]}
//   POST /api/v1/bans         {"kind": "client", "what": "lamp", "for_s": 600, "why": "..."}
//   POST /api/v1/bans/remove  {"kind": "client", "what": "lamp"}
// Thread: list() any thread; verbs the admin API's.
// Owner: Node.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/auth/ban_list.h"
#include "broker/base/log.h"
#include "broker/http/server.h"

namespace roost::server {

class BanBook {
 public:
  // Reads what an earlier run left; a file that can't be read is said, and nobody is banned.
  BanBook(std::string path, const Clock& clock, Log& log);

  auth::BanList& list() { return list_; }
  // `banned` is called after each new ban: who is connected may be meant.
  std::vector<http::Route> routes(std::function<void()> banned);

 private:
  http::Response show();
  http::Response add(const http::Request& request, const std::function<void()>& banned);
  http::Response remove(const http::Request& request);
  Result<void> save();

  const std::string path_;
  const Clock& clock_;
  auth::BanList list_;
};

}  // namespace roost::server
