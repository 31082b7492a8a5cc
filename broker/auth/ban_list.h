// SPDX-License-Identifier: Apache-2.0
// Who is kept out for a while, whatever else is right: client ids, user names, addresses and
// networks.
// Thread: any thread.
// Owner: the server; whoever asks goes before it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/auth/network.h"
#include "broker/base/clock.h"
#include "broker/base/result.h"

namespace roost::auth {

enum class BanKind : std::uint8_t { client, user, address };
std::string_view to_text(BanKind kind);
std::optional<BanKind> ban_kind_of(std::string_view word);

struct Ban {
  BanKind kind = BanKind::client;
  std::string what;     // an id, a name, "192.0.2.7" or "192.0.2.0/24"
  WallMs until_ms = 0;  // 0: for good
  std::string why;      // for people
  friend bool operator==(const Ban&, const Ban&) = default;
};

inline constexpr std::size_t kBansMax = 100'000;

class BanList {
 public:
  explicit BanList(const Clock& clock) : clock_(clock) {}
  BanList(const BanList&) = delete;
  BanList& operator=(const BanList&) = delete;

  // Replaces an older one of the same. Errors: invalid_argument (no address, an empty name),
  // resource_exhausted (kBansMax).
  Result<void> add(Ban ban);
  // False: there is none such.
  bool remove(BanKind kind, std::string_view what);
  // Those in force, by kind and name. What has run out is forgotten.
  std::vector<Ban> all();

  // Cheap where nobody of that kind is banned.
  bool has_client(std::string_view client_id) { return has(BanKind::client, client_id); }
  bool has_user(std::string_view user_name) { return has(BanKind::user, user_name); }
  bool has_address(std::string_view host);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Named = std::unordered_map<std::string, Ban, Hash, std::equal_to<>>;
  struct Banned {
    Network network;
    Ban ban;
  };

  bool is_over(const Ban& ban) const {
    return ban.until_ms != 0 && ban.until_ms <= clock_.wall_ms();
  }
  bool has(BanKind kind, std::string_view name);
  void forget_old();         // under mutex_
  std::size_t size() const;  // under mutex_

  const Clock& clock_;
  std::atomic<std::size_t> counts_[3] = {};
  std::mutex mutex_;
  Named named_[2];                 // clients, users; guarded by mutex_
  std::vector<Banned> addresses_;  // guarded by mutex_
};

// As a file keeps them: a JSON list. Errors: invalid_argument.
std::string to_json(const std::vector<Ban>& bans);
Result<std::vector<Ban>> read_bans(std::string_view json);

}  // namespace roost::auth
