// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/relay_link.h"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/base/check.h"
#include "broker/gates/relay_leader.h"
#include "broker/mqtt/decode.h"

namespace roost::gates {

RelayLink::RelayLink(RelayLeader& leader, const RelayKey& key, ShardId shard, std::string client_id,
                     const mqtt::Limits& limits, std::uint64_t epoch)
    : leader_(leader),
      key_(key),
      shard_(shard),
      client_id_(std::move(client_id)),
      limits_(limits),
      epoch_(epoch) {}

void RelayLink::set_identity(auth::IdentityPtr identity) {
  identity_ = identity;
  class_ = leader_.gates().common().classes.find(client_id_, identity.get());
  if (identity != nullptr) access_ = leader_.gates().make_access(client_id_, std::move(identity));
}

void RelayLink::describe(session::ClientFacts& facts) const {
  facts.is_relayed = true;
  if (identity_ == nullptr) return;
  facts.user = identity_->user_name;
  facts.listener = identity_->listener;
  facts.address = identity_->address;
}

void RelayLink::set_enhanced(const mqtt::Connect& connect, const RelayOpen& facts) {
  if (!connect.properties.has(mqtt::PropertyId::authentication_method)) return;
  auth::AuthRequest request;
  request.client_id = client_id_;
  request.user_name = facts.identity.user_name;
  enhanced_ = std::make_unique<EnhancedSession>(leader_.gates().common().enhanced,
                                                connect.properties.authentication_method,
                                                facts.authentication_data, std::move(request));
}

std::string_view RelayLink::authentication_data() const {
  return enhanced_ == nullptr ? std::string_view() : enhanced_->data();
}

// As ClientGate does it.
bool RelayLink::handle_auth(const mqtt::Frame& frame) {
  if (enhanced_ == nullptr || frame.type() != mqtt::PacketType::auth) return false;
  const auto packet = mqtt::decode(frame, version_, limits_);
  if (!packet || !std::holds_alternative<mqtt::Auth>(*packet)) return false;
  enhanced_->handle(std::get<mqtt::Auth>(*packet), *session_, *this);
  return true;
}

void RelayLink::begin(session::Session& session, mqtt::ProtocolVersion version) {
  session_ = &session;
  version_ = version;
  const ClientLimits& limits = leader_.gates().common().limits;
  if (limits.has_rate()) rate_ = std::make_unique<PublishRate>(limits);
}

// --- in ---

void RelayLink::receive(ByteView bytes) {
  if (session_ == nullptr) return;  // sent before the front knew
  session_->saw_packet();           // keep alive: any sign of life
  taken_ += bytes.size();
  if (in_.empty() && may_read()) {
    read(bytes);
  } else {
    in_.append(bytes);
    if (may_read() && in_.size() >= in_.wanted()) read(in_.bytes());
  }
  credit();
}

void RelayLink::read(ByteView bytes) {
  std::uint64_t wanted = 0;
  const std::size_t consumed = handle_frames(bytes, wanted);
  if (session_ != nullptr) {
    in_.keep(bytes.subspan(consumed), wanted);
  } else {
    in_.clear();
  }
}

std::size_t RelayLink::handle_frames(ByteView bytes, std::uint64_t& wanted) {
  static constexpr auto kShare = [](void* in) { return static_cast<net::Remainder*>(in)->share(); };
  std::size_t consumed = 0;
  while (may_read()) {
    const mqtt::FrameResult found =
        mqtt::next_frame(bytes.subspan(consumed), limits_.packet_size_max);
    if (found.status == mqtt::FrameStatus::incomplete) {
      wanted = found.wanted;
      break;
    }
    if (found.status != mqtt::FrameStatus::complete) {
      refuse_frame(*session_, found.status);
      break;
    }
    leader_.gates().sessions().counters().packets_in.add();
    if (!handle_auth(found.frame)) {
      handle_frame(*session_, found.frame, version_, limits_, leader_.gates().scratch(),
                   {&in_, kShare});
    }
    consumed += found.frame.size();
    if (rate_ != nullptr && found.frame.type() == mqtt::PacketType::publish) {
      count_publish(found.frame.size());
    }
  }
  return consumed;
}

// As ClientGate does it.
void RelayLink::count_publish(std::size_t bytes) {
  if (rate_->take(bytes, leader_.core().now_ms()) || session_ == nullptr) return;
  leader_.gates().counters().rate_exceeded.add();
  if (leader_.gates().common().limits.disconnects) {
    session_->kick(mqtt::ReasonCode::message_rate_too_high, "publishes faster than it may");
    return;
  }
  paused_ = true;
  call_me_later();
}

bool RelayLink::has_to_wait() const {
  return leader_.gates().is_congested() ||
         (rate_ != nullptr && leader_.core().now_ms() < rate_->ready_ms());
}

// What was dealt with may come again, unless publishers have to wait here.
void RelayLink::credit() {
  if (session_ == nullptr || paused_) return;
  if (leader_.gates().is_congested()) {
    paused_ = true;
    call_me_later();
  } else if (taken_ >= kRelayCreditMin) {
    leader_.say(key_.front, shard_,
                RelayCredit{Way::to_front, key_.relay, std::exchange(taken_, 0)});
  }
}

void RelayLink::call_me_later() {
  if (!std::exchange(later_, true)) leader_.call_later(*this);
}

void RelayLink::go_on() {
  later_ = false;
  if (paused_ && !has_to_wait()) {
    paused_ = false;
    if (may_read() && !in_.empty()) read(in_.bytes());
    credit();
  } else if (paused_) {
    call_me_later();
  }
  flush();
}

void RelayLink::lost(std::string_view why) {
  if (session_ != nullptr) std::exchange(session_, nullptr)->connection_lost(why);
}

void RelayLink::moved() {
  if (session_ == nullptr || !session_->is_stranded()) return;
  lost("the session's leader changed");
  say_closed(Goodbye::moved);
}

// --- out ---

std::uint8_t* RelayLink::room(std::size_t size) {
  std::uint8_t* const room = out_.room(size);
  wrote();
  return room;
}

void RelayLink::send_payload(ByteView payload, const routing::MessagePtr& owner) {
  out_.append_shared(payload, SharedPtr<const SharedBlock>::share(owner.get()));
  wrote();
}

void RelayLink::wrote() {
  congested_ |= out_.size() >= window_;
  leader_.core().at_turn_end(*this);
}

void RelayLink::credited(std::uint64_t bytes) {
  window_ = std::min(window_ + bytes, kRelayWindow);
  flush();
  if (!congested_ || out_.size() + kRelayWindow / 2 > window_) return;
  congested_ = false;
  if (session_ != nullptr) session_->on_drained();
}

// CONNACK lies in out_ already.
void RelayLink::opened() { leader_.core().at_turn_end(*this); }

void RelayLink::close(std::string_view why) {
  session_ = nullptr;
  closing_ = true;
  close_by_ms_ = leader_.core().now_ms() + kLingerMs;
  why_ = why;
  leader_.core().at_turn_end(*this);
}

void RelayLink::flush() {
  if (close_said_ || !leader_.is_up(key_.front)) return;
  if (!opened_ && !out_.empty()) {
    opened_ = true;
    leader_.say(key_.front, shard_, RelayOpened{key_.relay, epoch_});
  }
  while (!out_.empty() && window_ > 0 && !leader_.is_lane_full(key_.front)) send_piece();
  if (closing_ && (out_.empty() || leader_.core().now_ms() >= close_by_ms_)) {
    say_closed(Goodbye::none);
  } else if (closing_ || (!out_.empty() && window_ > 0)) {
    call_me_later();
  }
}

void RelayLink::send_piece() {
  constexpr std::size_t kParts = 16;
  std::array<iovec, kParts> parts;
  const std::size_t size_max = std::min<std::uint64_t>(window_, kRelayDataMax);
  const std::size_t count = out_.gather(parts.data(), parts.size(), size_max);
  std::string& chunk = leader_.out(key_.front);
  const std::size_t begun = begin_relay_data(shard_, Way::to_front, key_.relay, chunk);
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    chunk.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    size += parts[i].iov_len;
  }
  end_frame(begun, chunk);
  out_.consume(size);
  window_ -= size;
}

void RelayLink::say_closed(Goodbye goodbye) {
  close_said_ = true;
  out_.clear();
  leader_.say(key_.front, shard_, RelayClose{Way::to_front, key_.relay, goodbye, why_});
}

}  // namespace roost::gates
