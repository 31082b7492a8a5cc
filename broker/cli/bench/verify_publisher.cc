// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/verify_publisher.h"

#include <algorithm>
#include <bit>

#include "broker/cli/bench/publish_frame.h"

namespace roost::cli::bench {

using mqtt::PacketType;

namespace {
constexpr std::size_t kUnwrittenMax = 4 * 1024 * 1024;
constexpr std::uint32_t kPacedWindow = 1000;
}  // namespace

VerifyPublisher::VerifyPublisher(Loop& loop, VerifyShared& shared, std::uint32_t index,
                                 std::uint8_t qos)
    : VerifyClient(loop, shared, "pub", index),
      qos_(qos),
      window_(shared.options.rate > 0 ? kPacedWindow : shared.options.window),
      ring_(std::bit_ceil(std::size_t{std::max(kPacedWindow, kWindowMax)} + 1)) {
  const Options& options = shared.options;
  for (std::uint32_t topic = 0; topic < options.topics; ++topic) {
    topics_.push_back(shared.topic_root + "/" + std::to_string(index) + "/" +
                      std::to_string(topic));
  }
  if (options.rate > 0) {
    interval_ns_ = static_cast<std::uint64_t>(1e9 * options.publishers / options.rate);
  }
}

bool VerifyPublisher::has_sent_all() const {
  return shared_.options.messages > 0 && next_ >= shared_.options.messages;
}

bool VerifyPublisher::has_room() const {
  if (!is_ready() || unwritten() > kUnwrittenMax || has_sent_all()) return false;
  if (next_ - oldest_ >= window_) return false;
  // Without a rate the subscribers set the pace, so that no queue overflows.
  const std::uint64_t arrived = shared_.ledger->arrived(index_) + written_off_;
  return interval_ns_ > 0 || next_ - std::min(next_, arrived) < window_;
}

void VerifyPublisher::publish(std::uint64_t now_ns) {
  if (due_ns_ == 0) {  // evenly spread over all publishers
    due_ns_ = now_ns + interval_ns_ * index_ / shared_.options.publishers;
  }
  if (!is_ready()) due_ns_ = std::max(due_ns_, now_ns);
  while (due_ns_ <= now_ns && has_room()) {
    if (interval_ns_ > 0) due_ns_ += interval_ns_;
    at(next_) = {qos_ > 0 ? Step::ack : Step::done, now_ns};
    shared_.ledger->on_sent(index_, next_, now_ns);
    put(next_, false);
    ++next_;
    if (qos_ == 0) advance();
  }
}

void VerifyPublisher::check_stall() {
  const std::uint64_t progress = shared_.ledger->arrived(index_) + oldest_;
  const std::uint64_t on_the_way =
      next_ - std::min(next_, shared_.ledger->arrived(index_) + written_off_);
  if (is_ready() && is_settled() && progress == progress_seen_) written_off_ += on_the_way;
  progress_seen_ = progress;
}

void VerifyPublisher::put(std::uint64_t number, bool dup) {
  NumberedPublish publish;
  publish.topic = topics_[number % topics_.size()];
  publish.qos = qos_;
  publish.id = id_of(number);
  publish.dup = dup;
  publish.is_v5 = settings_.version == mqtt::ProtocolVersion::v5;
  publish.payload_bytes = shared_.options.payload_bytes;
  publish.stamp = {shared_.run, index_, number, at(number).sent_ns};
  put_packet(room(packet_size(publish)), publish);
}

void VerifyPublisher::on_greeting(Greeting greeting, const mqtt::Connack& connack) {
  if (settings_.version == mqtt::ProtocolVersion::v5 && qos_ > 0) {
    window_ = std::min<std::uint32_t>(window_, connack.properties.receive_maximum);
  }
  if (greeting != Greeting::first) send_again(greeting == Greeting::forgotten);
}

// In the original order, under the same ids. [MQTT-4.4.0-1] Where the session is gone, what may
// have been published at QoS 2 isn't published again: that would be a second message.
void VerifyPublisher::send_again(bool is_forgotten) {
  for (std::uint64_t number = oldest_; number < next_; ++number) {
    Sent& sent = at(number);
    if (is_forgotten && qos_ == 2 && sent.step != Step::done) {
      if (sent.step == Step::ack) shared_.ledger->on_dropped(index_);
      sent.step = Step::done;
    }
    if (sent.step == Step::ack) put(number, !is_forgotten);
    if (sent.step == Step::pubcomp) send_ack(PacketType::pubrel, id_of(number));
  }
  advance();
}

void VerifyPublisher::advance() {
  for (; oldest_ < next_ && at(oldest_).step == Step::done; ++oldest_) ++shared_.completed;
}

void VerifyPublisher::on_packet(const mqtt::Frame& frame) {
  const PacketType type = frame.type();
  if (type == PacketType::puback || type == PacketType::pubrec || type == PacketType::pubcomp) {
    on_ack(frame);
  }
}

void VerifyPublisher::on_ack(const mqtt::Frame& frame) {
  mqtt::PacketId id = 0;
  if (!read_packet_id(frame, id)) return;
  const PacketType type = frame.type();
  const std::uint64_t number = oldest_ + (id + 65535U - id_of(oldest_)) % 65535U;
  const bool is_refused = mqtt::is_error(reason_of_ack(frame)) && type != PacketType::pubcomp;
  if (type == PacketType::pubrec && !is_refused) send_ack(PacketType::pubrel, id);
  if (number >= next_) return;  // of a message that was finished already
  Sent& sent = at(number);
  if (sent.step == Step::ack && type != PacketType::pubcomp) {
    if (is_refused) {
      ++shared_.refused;
      shared_.last_trouble = mqtt::name(reason_of_ack(frame));
      shared_.ledger->on_dropped(index_);
    } else {
      shared_.ledger->on_acknowledged(index_, number, loop_.now_ns());
    }
    sent.step = qos_ == 2 && !is_refused ? Step::pubcomp : Step::done;
  } else if (sent.step == Step::pubcomp && type == PacketType::pubcomp) {
    sent.step = Step::done;
  }
  advance();
}

}  // namespace roost::cli::bench
