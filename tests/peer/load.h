// SPDX-License-Identifier: Apache-2.0
// Chunks that say who sent them as the how manieth, from several threads; and who checks that none
// is missing, doubled or out of order.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>

#include "cluster/peer_network.h"

namespace roost::cluster {

// `size` bytes: sender, number, and a filling that follows from both. Requires: size >= 8.
std::string numbered(std::uint32_t sender, std::uint32_t number, std::size_t size);

// Mostly small, at times kChunkBytesMax.
std::size_t random_size(std::minstd_rand& random);

class LoadCheck {
 public:
  void take(PeerId from, Lane lane, const std::string& bytes);
  std::uint64_t count() const;
  std::uint64_t faults() const;
  // Each sender begins with number 0 again.
  void start_again();

 private:
  mutable std::mutex mutex_;
  std::map<std::array<std::uint32_t, 3>, std::uint32_t> next_;  // by peer, lane, sender
  std::uint64_t count_ = 0;
  std::uint64_t faults_ = 0;
};

}  // namespace roost::cluster
