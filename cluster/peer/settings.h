// SPDX-License-Identifier: Apache-2.0
// The limits of links between nodes, and their times in ms.
// Thread: any (constants).
#pragma once

#include <cstddef>
#include <cstdint>

namespace roost::cluster::peer {

// What one envelope holds at most, without its few bytes of framing: below 1 MB, as larger ones
// come near to where gRPC's streams hang.
inline constexpr std::size_t kEnvelopeBytesMax = 960'000;
inline constexpr std::size_t kChunkFrameBytes = 6;  // tag and length of a chunk, at most
inline constexpr int kReceiveBytesMax = 4 * 1024 * 1024;
// Received and not let go by who got it, per peer and lane; more stops the reading.
inline constexpr std::size_t kHeldBytesMax = 16 * 1024 * 1024;
// Of what others say in a log line; more is cut.
inline constexpr std::size_t kShownBytesMax = 80;
inline constexpr std::size_t kWhyBytesMax = 500;
// Streams that were opened by others and haven't said hello.
inline constexpr std::size_t kStrangersMax = 1024;

// Of pacer.h. A publish passes four lanes from its publisher's node to its subscriber's: with all
// of them waiting, 32 ms. Chunks of a node in a window: with more than the one number its lanes
// wait for slots, with less than the other they don't any more.
inline constexpr std::int64_t kSlotMs = 8;
inline constexpr std::int64_t kPaceWindowMs = 128;
inline constexpr std::uint64_t kPaceAbove = 256, kPaceBelow = 160;
inline constexpr std::size_t kMuchBytes = 32 * 1024;  // that wait: doesn't wait for a slot

inline constexpr std::int64_t kKeepAliveMs = 500;
inline constexpr std::int64_t kSilentMs = 1500;
inline constexpr std::int64_t kLostMs = 3000;
inline constexpr std::int64_t kHelloMs = 2000;  // from dialling to the last lane's hello
inline constexpr std::int64_t kRedialFirstMs = 50;
inline constexpr std::int64_t kRedialMs = 1000;
inline constexpr std::int64_t kRefusedMs = 2000;  // until the next attempt after a mismatch
inline constexpr std::int64_t kProbeMs = 200;
inline constexpr std::int64_t kProbeTimeoutMs = 1000;
inline constexpr std::int64_t kResolveMs =
    10'000;  // how long an address that was looked up is good

}  // namespace roost::cluster::peer
