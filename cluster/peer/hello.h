// SPDX-License-Identifier: Apache-2.0
// What is said first on each stream, and whether two nodes may be linked.
// Thread: any (pure).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/peer/settings.h"
#include "cluster/peer/wire.h"
#include "cluster/peer_network.h"

namespace roost::cluster::peer {

pb::Hello make_hello(const PeerIdentity& self, const std::string& to, Lane lane,
                     std::uint64_t session);
PeerIdentity identity_of(const pb::Hello& hello);

// The node with the smaller name dials.
inline bool dials(std::string_view self, std::string_view peer) { return self < peer; }

// Why these two are no peers of each other, as it reads on both sides; empty: they may be.
std::string mismatch(const PeerIdentity& self, const pb::Hello& hello);

// What others say in a log line: printable characters, and not too many.
std::string shown(std::string_view text, std::size_t bytes_max = kShownBytesMax);

}  // namespace roost::cluster::peer
