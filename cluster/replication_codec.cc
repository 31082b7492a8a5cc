// SPDX-License-Identifier: Apache-2.0
#include "cluster/replication_codec.h"

#include "broker/base/check.h"
#include "cluster/packed.h"
#include "cluster/peer_messages.h"

namespace roost::cluster {

using replication::EpochTable;
using replication::LogRecord;
using replication::Position;

namespace {

// Records that are less than this part of their chunk are copied out of it.
constexpr std::size_t kSmallPart = 4;

// As variant index + 1. Never given a new meaning.
enum class Kind : std::uint8_t {
  fence = 1,
  fenced,
  append,
  ack,
  refused,
  begin_import,
  import_ready,
};

template <typename Form>
void fields(Form& form, In<Form, replication::Fence>& m) {
  form.number(m.epoch);
  form.number(m.lineage);
  form.number(m.counter);
  form.time(m.sent_ms);
}

template <typename Form>
void fields(Form& form, In<Form, replication::Fenced>& m) {
  form.number(m.epoch);
  form.number(m.lineage);
  form.list(m.table, [](Form& each, In<Form, EpochTable::Start>& start) {
    each.number(start.epoch);
    each.number(start.first);
  });
  form.number(m.last);
  form.number(m.first_kept);
  form.number(m.commit);
  form.number(m.applied);
  form.flag(m.is_importing);
  form.number(m.import_next);
  form.time(m.sent_ms);
}

template <typename Form>
void fields(Form& form, In<Form, replication::Ack>& m) {
  form.number(m.epoch);
  form.number(m.appended);
  form.number(m.synced);
  form.time(m.sent_ms);
}

template <typename Form>
void fields(Form& form, In<Form, replication::Refused>& m) {
  form.choice(m.why, replication::Refused::Why::older_counter);
  form.number(m.epoch);
  form.number(m.fenced);
}

template <typename Form>
void fields(Form& form, In<Form, replication::BeginImport>& m) {
  form.number(m.epoch);
  form.number(m.lineage);
  form.number(m.import);
  form.time(m.sent_ms);
}

template <typename Form>
void fields(Form& form, In<Form, replication::ImportReady>& m) {
  form.number(m.epoch);
  form.number(m.import);
}

template <typename Form>
void head(Form& form, In<Form, replication::Append>& m) {
  form.number(m.epoch);
  form.number(m.previous.epoch);
  form.number(m.previous.index);
  form.number(m.commit);
  form.time(m.sent_ms);
}

void fields(PackedWriter& form, const replication::Append& m) {
  head(form, m);
  form.number(m.records ? m.records->size() : 0);
  if (!m.records) return;
  Position before = m.previous;
  for (const LogRecord& record : *m.records) {
    CHECK(record.position.index == before.index + 1 && record.position.epoch >= before.epoch);
    form.number(record.position.epoch - before.epoch);
    form.fixed32(record.checksum);
    form.bytes(record.bytes);
    before = record.position;
  }
}

// A reader of a message whose records lie in `owner`.
struct RecordReader {
  PackedReader& form;
  const SharedPtr<SharedBlock>& owner;

  void read(replication::Append& m) {
    head(form, m);
    const std::size_t count = form.length();
    if (count == 0) return;
    auto records = std::make_shared<std::vector<LogRecord>>();
    records->reserve(std::min(count, form.left() / 6));  // the least that a record takes
    Position before = m.previous;
    while (records->size() < count && !form.failed()) {
      const std::uint64_t step = form.number();
      if (before.index == UINT64_MAX || before.epoch > UINT64_MAX - step) {
        return form.fail("a position that can't be");
      }
      before = {before.epoch + step, before.index + 1};
      const std::uint32_t checksum = form.fixed32();
      const ByteView bytes = form.bytes();
      if (!form.failed() && replication::checksum_of(bytes) != checksum) {
        return form.fail("a record without its checksum");
      }
      records->push_back({before, checksum, owner, bytes});
    }
    m.records = std::move(records);
  }
};

template <typename M>
M read(PackedReader& form) {
  M message;
  fields(form, message);
  return message;
}

replication::Message read_message(PackedReader& form, const SharedPtr<SharedBlock>& owner) {
  switch (static_cast<Kind>(form.byte())) {
    case Kind::fence:
      return read<replication::Fence>(form);
    case Kind::fenced: {
      auto fenced = read<replication::Fenced>(form);
      if (!EpochTable::is_sound(fenced.table)) form.fail("a table of epochs that doesn't rise");
      return fenced;
    }
    case Kind::append: {
      replication::Append append;
      RecordReader{form, owner}.read(append);
      return append;
    }
    case Kind::ack:
      return read<replication::Ack>(form);
    case Kind::refused:
      return read<replication::Refused>(form);
    case Kind::begin_import:
      return read<replication::BeginImport>(form);
    case Kind::import_ready:
      return read<replication::ImportReady>(form);
  }
  form.fail("a kind of message that is not known");
  return {};
}

}  // namespace

void encode(const replication::Message& message, std::string& out) {
  PackedWriter form(out);
  form.byte(static_cast<std::uint8_t>(message.index() + 1));
  std::visit([&](const auto& m) { fields(form, m); }, message);
}

Result<replication::Message> decode_message(ByteView bytes, const ReceivedChunkPtr& chunk) {
  auto owner = SharedPtr<SharedBlock>::share(chunk.get());
  if (bytes.size() < chunk->bytes().size() / kSmallPart) {
    using replication::RecordBuffer;
    const auto copy = SharedPtr<RecordBuffer>::adopt(
        new RecordBuffer(std::vector<std::uint8_t>(bytes.begin(), bytes.end())));
    bytes = copy->bytes();
    owner = SharedPtr<SharedBlock>::share(copy.get());
  }
  PackedReader form(bytes);
  replication::Message message = read_message(form, owner);
  form.expect_end();
  if (form.failed()) return error(ErrorKind::corrupt, form.fault());
  return message;
}

bool MessageChunks::add(ShardId shard, const replication::Message& message) {
  scratch_.clear();
  encode(message, scratch_);
  const std::size_t size = scratch_.size() + 3 + 4;  // shard and size: up to 16 and 28 bits
  if (1 + size > kChunkBytesMax) return false;
  if (chunks_.empty() || chunks_.back().size() + size > kChunkBytesMax) {
    chunks_.emplace_back(1, static_cast<char>(PeerMessageKind::replicas));
  }
  PackedWriter form(chunks_.back());
  form.number(shard.value);
  form.bytes(as_bytes(scratch_));
  return true;
}

bool MessageChunkReader::next(ShardId& shard, ByteView& message) {
  if (left_.empty()) return false;
  PackedReader form(left_);
  form.number(shard.value);
  message = form.bytes();
  left_ = left_.last(form.left());
  is_broken_ = form.failed();
  if (is_broken_) left_ = {};
  return !is_broken_;
}

}  // namespace roost::cluster
