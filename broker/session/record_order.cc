// SPDX-License-Identifier: Apache-2.0
#include "broker/session/record_order.h"

#include "broker/base/hash.h"

namespace roost::session {
namespace {

using routing::MessagePtr;

// Hashes of clients, topics and sources are kept apart; two that meet nevertheless cost a wait.
constexpr std::uint64_t kTopic = 0x9E3779B97F4A7C15;
constexpr std::uint64_t kSource = 0xC2B2AE3D27D4EB4F;
constexpr std::uint64_t kLife = 0xFF51AFD7ED558CCD;

template <typename Visit>
void visit_message(const MessagePtr& message, Visit& visit) {
  if (message->origin() != 0) visit(message->origin());
  visit(hash64(message->topic()) ^ kTopic);
}

template <typename Visit>
void visit_source(const std::optional<Source>& source, Visit& visit) {
  if (source) visit((source->life * kLife + source->part + 1) * kSource);
}

// Calls visit(key) for each thing that the record is about.
template <typename Visit>
struct Keys {
  Visit& visit;

  void operator()(const StartedRecord&) const {}
  void operator()(const TickRecord&) const {}
  void operator()(const ForwardedRecord&) const {}
  void operator()(const ToldRecord& record) const { visit_message(record.message, visit); }
  void operator()(const PublishedRecord& record) const {
    visit_message(record.message, visit);
    visit_source(record.source, visit);
  }
  void operator()(const RetainedRecord& record) const {
    visit_message(record.message, visit);
    visit_source(record.source, visit);
  }
  void operator()(const AssignedRecord& record) const {
    visit(hash64(record.client_id));
    visit_message(record.message, visit);
    visit_source(record.source, visit);
  }
  void operator()(const GatheredRecord& record) const {
    visit(hash64(record.client_id));
    for (const GatheredRecord::Entry& one : record.entries) visit_message(one.message, visit);
  }
  void operator()(const ReceivedRecord& record) const {
    visit(hash64(record.client_id));
    visit_message(record.message, visit);
  }
  template <typename OfClient>
  void operator()(const OfClient& record) const {
    visit(hash64(record.client_id));
  }
};

template <typename Visit>
void visit_keys(const Record& record, Visit visit) {
  std::visit(Keys<Visit>{visit}, record);
}

}  // namespace

void RecordOrder::add(const Record& record) {
  visit_keys(record, [this](std::uint64_t key) { keys_.insert(key); });
}

bool RecordOrder::binds(const Record& record) const {
  bool found = false;
  visit_keys(record, [&](std::uint64_t key) { found = found || keys_.contains(key); });
  return found;
}

}  // namespace roost::session
