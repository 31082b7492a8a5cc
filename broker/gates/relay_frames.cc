// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/relay_frames.h"

#include "broker/session/packed.h"

namespace roost::gates {

using session::In;
using session::PackedReader;
using session::PackedWriter;

namespace {

// Fields in the order in which they are written, for writer and reader alike.

template <typename Form>
void generation(Form& form, In<Form, session::Generation>& generation) {
  form.number(generation.epoch);
  form.number(generation.counter);
}

template <typename Form>
void identity(Form& form, In<Form, auth::Identity>& identity) {
  form.text(identity.user_name);
  form.text(identity.certificate_common_name);
  form.text(identity.listener);
  form.text(identity.address);
  form.list(identity.groups, [](Form& each, auto& group) { each.text(group); });
  form.list(identity.claims, [](Form& each, auto& claim) {
    each.text(claim.first);
    each.text(claim.second);
  });
  form.text(identity.own_rules);
  form.number(identity.expires_at_s);
}

template <typename Form>
void fields(Form& form, In<Form, RelayOpen>& frame) {
  form.number(frame.relay);
  form.number(frame.epoch);
  form.number(frame.connect_size);
  form.number(frame.limits.packet_size_max);
  form.number(frame.limits.topic_levels_max);
  form.choice(frame.ack, session::AckMode::memory);
  form.text(frame.assigned_client_id);
  form.flag(frame.has_identity);
  if (frame.has_identity) identity(form, frame.identity);
  form.text(frame.authentication_data);
}

template <typename Form>
void fields(Form& form, In<Form, RelayGranted>& frame) {
  form.number(frame.relay);
  generation(form, frame.generation);
  form.flag(frame.has_record);
}

template <typename Form>
void fields(Form& form, In<Form, RelayOpened>& frame) {
  form.number(frame.relay);
  form.number(frame.epoch);
}

template <typename Form>
void fields(Form& form, In<Form, RelayRefused>& frame) {
  form.number(frame.relay);
}

template <typename Form>
void fields(Form& form, In<Form, RelayCredit>& frame) {
  form.choice(frame.way, Way::to_front);
  form.number(frame.relay);
  form.number(frame.bytes);
}

template <typename Form>
void fields(Form& form, In<Form, RelayClose>& frame) {
  form.choice(frame.way, Way::to_front);
  form.number(frame.relay);
  form.choice(frame.goodbye, Goodbye::moved);
  form.text(frame.why);
}

template <typename Form>
void fields(Form& form, In<Form, RelayClosed>& frame) {
  form.choice(frame.way, Way::to_front);
  form.number(frame.relay);
}

template <typename Form>
void fields(Form& form, In<Form, RelayClaims>& frame) {
  form.number(frame.epoch);
  form.flag(frame.first);
  form.flag(frame.last);
  form.list(frame.entries, [](Form& each, auto& entry) {
    each.number(entry.relay);
    generation(each, entry.generation);
    each.flag(entry.has_record);
    each.text(entry.client_id);
  });
}

template <typename Form>
void fields(Form& form, In<Form, RelayLeft>& frame) {
  form.number(frame.relay);
  generation(form, frame.generation);
  form.choice(frame.departure, session::Departure::lost);
  form.flag(frame.has_record);
  form.text(frame.client_id);
}

void fields(PackedWriter& form, const RelayData& frame) {
  form.choice(frame.way, Way::to_front);
  form.number(frame.relay);
}

void fields(PackedReader& form, RelayData& frame) {
  form.choice(frame.way, Way::to_front);
  form.number(frame.relay);
  frame.bytes = form.take(form.left());
}

template <typename T>
std::size_t begin(ShardId shard, const T& frame, std::string& chunk) {
  std::vector<std::uint8_t> bytes;
  PackedWriter writer(bytes, 0);
  fields(writer, frame);
  const std::size_t begun = begin_frame(T::kKind, shard.value, chunk);
  chunk += as_text(bytes);
  return begun;
}

}  // namespace

template <typename T>
void add_relay_frame(ShardId shard, const T& frame, std::string& chunk) {
  end_frame(begin(shard, frame, chunk), chunk);
}

void add_relay_frame(ShardId shard, const RelayData& frame, std::string& chunk) {
  const std::size_t begun = begin(shard, frame, chunk);
  chunk += as_text(frame.bytes);
  end_frame(begun, chunk);
}

std::size_t begin_relay_data(ShardId shard, Way way, RelayNumber relay, std::string& chunk) {
  return begin(shard, RelayData{way, relay, {}}, chunk);
}

template <typename T>
bool read_relay_frame(ByteView bytes, T& frame) {
  PackedReader reader(bytes, 0);
  fields(reader, frame);
  reader.expect_end();
  return !reader.failed();
}

template void add_relay_frame(ShardId, const RelayOpen&, std::string&);
template void add_relay_frame(ShardId, const RelayGranted&, std::string&);
template void add_relay_frame(ShardId, const RelayOpened&, std::string&);
template void add_relay_frame(ShardId, const RelayRefused&, std::string&);
template void add_relay_frame(ShardId, const RelayCredit&, std::string&);
template void add_relay_frame(ShardId, const RelayClose&, std::string&);
template void add_relay_frame(ShardId, const RelayClosed&, std::string&);
template void add_relay_frame(ShardId, const RelayClaims&, std::string&);
template void add_relay_frame(ShardId, const RelayLeft&, std::string&);
template bool read_relay_frame(ByteView, RelayOpen&);
template bool read_relay_frame(ByteView, RelayGranted&);
template bool read_relay_frame(ByteView, RelayOpened&);
template bool read_relay_frame(ByteView, RelayRefused&);
template bool read_relay_frame(ByteView, RelayData&);
template bool read_relay_frame(ByteView, RelayCredit&);
template bool read_relay_frame(ByteView, RelayClose&);
template bool read_relay_frame(ByteView, RelayClosed&);
template bool read_relay_frame(ByteView, RelayClaims&);
template bool read_relay_frame(ByteView, RelayLeft&);

}  // namespace roost::gates
