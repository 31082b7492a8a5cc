// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/interest_frames.h"

#include <algorithm>

#include "cluster/packed.h"

namespace roost::gates {

namespace {

using cluster::PackedReader;
using cluster::PackedWriter;
using routing::InterestChange;

constexpr std::size_t kChangesMax = 16'384;  // of a frame

void append_change(PackedWriter& writer, const InterestChange& change) {
  writer.choice(change.kind, InterestChange::Kind::ends);
  writer.byte(change.owner);
  writer.number(change.value);
}

void read_change(PackedReader& reader, InterestChange& change) {
  using Kind = InterestChange::Kind;
  reader.choice(change.kind, Kind::ends);
  change.owner = reader.byte();
  reader.number(change.value);
  const bool of_shard = change.kind == Kind::leads || change.kind == Kind::ends;
  const bool is_bucket = change.kind == Kind::on || change.kind == Kind::off;
  if (change.owner > routing::kVolatiles || (of_shard && change.owner == routing::kVolatiles)) {
    reader.fail("filters of nobody");
  }
  if ((is_bucket && change.value >= routing::SharedInterest::kBuckets) ||
      (change.kind == Kind::depths && change.value > UINT32_MAX)) {
    reader.fail("no such bucket");
  }
}

template <typename Body>
Result<Body> finished(PackedReader& reader, Body body) {
  reader.expect_end();
  if (!reader.failed()) return body;
  return error(ErrorKind::corrupt, std::string("interest of another node: ") + reader.fault());
}

}  // namespace

std::size_t append_interest(bool is_whole, std::uint64_t version,
                            const routing::InterestChanges& changes, std::size_t from,
                            std::string& out) {
  const std::size_t end = std::min(from + kChangesMax, changes.size());
  PackedWriter writer(out);
  writer.flag(is_whole);
  writer.number(end == changes.size() ? version : 0);
  writer.number(end - from);
  for (; from < end; ++from) append_change(writer, changes[from]);
  return end;
}

void append_number(std::uint64_t number, std::string& out) { PackedWriter(out).number(number); }

void append_grant(const GrantFrame& grant, std::string& out) {
  PackedWriter writer(out);
  writer.number(grant.round);
  writer.list(grant.shards, [](PackedWriter& each, const GrantFrame::Shard& shard) {
    each.byte(shard.id);
    each.number(shard.epoch);
    each.number(shard.age_ms);
  });
}

Result<InterestFrame> read_interest(ByteView bytes) {
  PackedReader reader(bytes);
  InterestFrame frame;
  reader.flag(frame.is_whole);
  reader.number(frame.version);
  reader.list(frame.changes, read_change);
  return finished(reader, std::move(frame));
}

Result<std::uint64_t> read_number(ByteView bytes) {
  PackedReader reader(bytes);
  const std::uint64_t number = reader.number();
  return finished(reader, number);
}

Result<GrantFrame> read_grant(ByteView bytes) {
  PackedReader reader(bytes);
  GrantFrame grant;
  reader.number(grant.round);
  reader.list(grant.shards, [](PackedReader& each, GrantFrame::Shard& shard) {
    shard.id = each.byte();
    each.number(shard.epoch);
    each.number(shard.age_ms);
    if (shard.id >= kClusterShardsMax) each.fail("no such shard");
  });
  return finished(reader, std::move(grant));
}

}  // namespace roost::gates
