// SPDX-License-Identifier: Apache-2.0
#include "cluster/replication/message.h"

#include "broker/base/hash.h"

namespace roost::cluster::replication {
namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string place(Position position) {
  return number(position.epoch) + "/" + number(position.index);
}

struct Describe {
  std::string operator()(const Fence& m) const {
    return "fence " + number(m.epoch) + ", lineage " + number(m.lineage) + ", counter " +
           number(m.counter);
  }
  std::string operator()(const Fenced& m) const {
    std::string text = "fenced " + number(m.epoch) + ", lineage " + number(m.lineage) + ", log " +
                       number(m.first_kept) + ".." + number(m.last) + ", commit " +
                       number(m.commit) + ", applied " + number(m.applied) + ", epochs";
    for (const EpochTable::Start& start : m.table) text += " " + place({start.epoch, start.first});
    if (m.is_importing) text += ", importing";
    return text + ", next import " + number(m.import_next);
  }
  std::string operator()(const Append& m) const {
    return "append " + number(m.epoch) + " after " + place(m.previous) + ", " +
           number(m.records ? m.records->size() : 0) + " records, commit " + number(m.commit);
  }
  std::string operator()(const Ack& m) const {
    return "ack " + number(m.epoch) + ", appended " + number(m.appended) + ", synced " +
           number(m.synced);
  }
  std::string operator()(const Refused& m) const {
    return "refused " + number(m.epoch) + ", fenced " + number(m.fenced) +
           (m.why == Refused::Why::older_counter ? ", older counter" : "");
  }
  std::string operator()(const BeginImport& m) const {
    return "begin import " + number(m.import) + " in " + number(m.epoch) + ", lineage " +
           number(m.lineage);
  }
  std::string operator()(const ImportReady& m) const {
    return "ready for import " + number(m.import) + " in " + number(m.epoch);
  }
};

}  // namespace

MemberId member_id(const Replica& replica) { return {hash64(replica.store, hash64(replica.name))}; }

Epoch epoch_of(const Message& message) {
  return std::visit([](const auto& m) { return m.epoch; }, message);
}

std::string describe(const Message& message) { return std::visit(Describe{}, message); }

}  // namespace roost::cluster::replication
