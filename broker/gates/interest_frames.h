// SPDX-License-Identifier: Apache-2.0
// Bodies of the frames in which nodes tell each other who wants what (kinds interest, interest_ack,
// ask, grant of peer_frames.h; `to` is core 0).
//   interest:     whole (1: what was said before is over), version (0: more frames belong to it),
//                 changes
//   interest_ack: version; 0: send everything again
//   ask:          round
//   grant:        round, shards with epoch and age of what confirmed it
// Thread: any thread (values).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/result.h"
#include "broker/routing/interest_feed.h"

namespace roost::gates {

struct InterestFrame {
  bool is_whole = false;
  std::uint64_t version = 0;
  routing::InterestChanges changes;
};
struct GrantFrame {
  struct Shard {
    std::uint8_t id = 0;
    std::uint64_t epoch = 0;
    std::uint64_t age_ms = 0;  // since the whole ISR held to the epoch
    friend bool operator==(const Shard&, const Shard&) = default;
  };
  std::uint64_t round = 0;
  std::vector<Shard> shards;
};

// Changes from `from` on, as many as a frame should hold; returns where the next begins. The
// version is written where these are the last.
std::size_t append_interest(bool is_whole, std::uint64_t version,
                            const routing::InterestChanges& changes, std::size_t from,
                            std::string& out);
void append_number(std::uint64_t number, std::string& out);  // interest_ack, ask
void append_grant(const GrantFrame& grant, std::string& out);

// Errors: corrupt.
Result<InterestFrame> read_interest(ByteView bytes);
Result<std::uint64_t> read_number(ByteView bytes);
Result<GrantFrame> read_grant(ByteView bytes);

}  // namespace roost::gates
