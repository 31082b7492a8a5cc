// SPDX-License-Identifier: Apache-2.0
// Which clean session of a client id is connected at which front, as the leader of its shard knows
// it: granted by it, or announced by the fronts after it began to lead. Holds one a client id: the
// newest generation.
// Thread: core-bound (a value). Pure.
// Owner: RelayLeader, one a shard that is led.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/base/ids.h"
#include "broker/gates/relay_frames.h"
#include "broker/session/record.h"

namespace roost::gates {

struct Claim {
  PeerId front = kThisNode;
  std::uint64_t incarnation = 0;  // of the front's process
  RelayNumber relay = 0;
  session::Generation generation;
  bool has_record = false;  // stands in the shard: its going must as well
  bool seen = true;         // by the announcement that is under way
  friend bool operator==(const Claim&, const Claim&) = default;
};

class Claims {
 public:
  struct Named {
    std::string client_id;
    Claim claim;
  };

  std::size_t size() const { return claims_.size(); }
  bool empty() const { return claims_.empty(); }
  const Claim* find(std::string_view client_id) const;

  // Returns the claims that lost by it and must be closed: the one that was there, the new one
  // where that is older, or none. The same connection again changes nothing.
  std::vector<Named> add(std::string_view client_id, const Claim& claim);
  // Only that generation's; false: it isn't there.
  bool remove(std::string_view client_id, const session::Generation& generation);
  // That process is over. Returns its claims, which are removed.
  std::vector<Named> remove_front(PeerId front, std::uint64_t incarnation);

  // That connection's, whatever its client id.
  std::vector<Named> remove_relay(PeerId front, RelayNumber relay);

  // A front says anew what it has: between these, each by add(). Those of the front that were not
  // named, an earlier process's among them, are removed and returned.
  void begin_announcement(PeerId front);
  std::vector<Named> end_announcement(PeerId front);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return hash64(text); }
  };
  template <typename Which>
  std::vector<Named> remove_if(Which which);

  std::unordered_map<std::string, Claim, Hash, std::equal_to<>> claims_;
};

}  // namespace roost::gates
