// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer_messages.h"

#include <utility>

#include "cluster/packed.h"

namespace roost::cluster {

using replication::Role;

namespace {

template <typename Form>
void fields(Form& form, In<Form, PeerView>& view) {
  form.text(view.name);
  form.number(view.incarnation);
  form.choice(view.seen, PeerView::Seen::refused);
}

template <typename Form>
void fields(Form& form, In<Form, ShardStatus>& status) {
  form.number(status.shard.value);
  form.choice(status.role, Role::stopped);
  form.number(status.epoch);
  form.number(status.last.epoch);
  form.number(status.last.index);
  form.number(status.commit);
  form.number(status.counter);
  form.number(status.lineage);
  form.flag(status.is_restarted);
  form.time(status.stalled_ms);
}

template <typename Form>
void fields(Form& form, In<Form, NodeReport>& report) {
  form.text(report.name);
  form.text(report.store);
  form.number(report.incarnation);
  form.flag(report.is_draining);
  form.list(report.peers, [](Form& each, In<Form, PeerView>& view) { fields(each, view); });
  form.list(report.shards, [](Form& each, In<Form, ShardStatus>& one) { fields(each, one); });
}

template <typename Form>
void fields(Form& form, In<Form, PeerCommand>& command) {
  form.number(command.id);
  form.choice(command.kind, PeerCommand::Kind::force_leader);
  form.text(command.node);
  form.number(command.shard.value);
}

template <typename Form>
void fields(Form& form, In<Form, PeerAnswer>& answer) {
  form.number(answer.id);
  form.flag(answer.is_done);
  form.choice(answer.kind, ErrorKind::corrupt);
  form.text(answer.message);
}

template <typename Form>
void fields(Form& form, In<Form, SnapshotPart>& part) {
  form.number(part.shard.value);
  form.number(part.import);
  form.number(part.number);
  form.flag(part.is_last);
  form.blob(part.bytes);
}

template <typename Form>
void fields(Form& form, In<Form, SnapshotTaken>& taken) {
  form.number(taken.shard.value);
  form.number(taken.import);
  form.number(taken.pieces);
  form.flag(taken.is_whole);
}

template <typename Form>
void fields(Form& form, In<Form, SnapshotEnded>& ended) {
  form.number(ended.shard.value);
  form.number(ended.import);
  form.text(ended.why);
}

template <typename Form>
void fields(Form& form, In<Form, storage::Position>& position) {
  form.number(position.epoch);
  form.number(position.index);
}

template <typename Form>
void fields(Form& form, In<Form, SnapshotPiece::State>& state) {
  using Value = std::pair<std::string, std::string>;
  form.list(state.values, [](Form& each, In<Form, Value>& one) {
    each.blob(one.first);
    each.blob(one.second);
  });
}

template <typename Form>
void fields(Form& form, In<Form, SnapshotPiece::Log>& log) {
  using Record = storage::ReplicaStore::LogPiece;
  form.list(log.records, [](Form& each, In<Form, Record>& one) {
    fields(each, one.position);
    each.blob(one.record);
  });
}

template <typename Form>
void fields(Form& form, In<Form, SnapshotPiece::End>& end) {
  form.list(end.epochs, [](Form& each, In<Form, storage::EpochStart>& start) {
    each.number(start.epoch);
    each.number(start.first);
  });
  fields(form, end.last);
  form.number(end.first_kept);
  form.number(end.applied);
}

template <typename Form>
void fields(Form& form, In<Form, PeerTalk>& talk) {
  form.flag(talk.is_answer);
  form.number(talk.number);
  form.flag(talk.is_last);
  form.blob(talk.bytes);
}

template <typename T>
std::string chunk_of(PeerMessageKind kind, const T& value) {
  std::string chunk(1, static_cast<char>(kind));
  PackedWriter form(chunk);
  fields(form, value);
  return chunk;
}

template <typename Whole, typename T>
Result<Whole> read_as(PackedReader& form) {
  T value;
  fields(form, value);
  form.expect_end();
  if (form.failed()) return error(ErrorKind::corrupt, form.fault());
  return Whole(std::move(value));
}

}  // namespace

std::string encode(const NodeReport& report) { return chunk_of(PeerMessageKind::report, report); }
std::string encode(const PeerCommand& one) { return chunk_of(PeerMessageKind::command, one); }
std::string encode(const PeerAnswer& answer) { return chunk_of(PeerMessageKind::answer, answer); }
std::string encode(const SnapshotPart& part) {
  return chunk_of(PeerMessageKind::snapshot_part, part);
}
std::string encode(const SnapshotTaken& taken) {
  return chunk_of(PeerMessageKind::snapshot_taken, taken);
}
std::string encode(const SnapshotEnded& ended) {
  return chunk_of(PeerMessageKind::snapshot_ended, ended);
}
std::string encode(const PeerTalk& talk) { return chunk_of(PeerMessageKind::talk, talk); }

Result<PeerMessage> decode_peer_message(ByteView chunk) {
  PackedReader form(chunk);
  switch (static_cast<PeerMessageKind>(form.byte())) {
    case PeerMessageKind::report:
      return read_as<PeerMessage, NodeReport>(form);
    case PeerMessageKind::command:
      return read_as<PeerMessage, PeerCommand>(form);
    case PeerMessageKind::answer:
      return read_as<PeerMessage, PeerAnswer>(form);
    case PeerMessageKind::snapshot_part:
      return read_as<PeerMessage, SnapshotPart>(form);
    case PeerMessageKind::snapshot_taken:
      return read_as<PeerMessage, SnapshotTaken>(form);
    case PeerMessageKind::snapshot_ended:
      return read_as<PeerMessage, SnapshotEnded>(form);
    case PeerMessageKind::talk:
      return read_as<PeerMessage, PeerTalk>(form);
    case PeerMessageKind::replicas:
      break;
  }
  if (form.failed()) return error(ErrorKind::corrupt, form.fault());
  return error(ErrorKind::not_found, "a kind of message that is not known");
}

std::string encode(const SnapshotPiece& piece) {
  std::string bytes(1, static_cast<char>(piece.what.index()));
  PackedWriter form(bytes);
  std::visit([&](const auto& what) { fields(form, what); }, piece.what);
  return bytes;
}

Result<SnapshotPiece> decode_piece(std::uint64_t import, std::uint64_t number, ByteView bytes) {
  PackedReader form(bytes);
  SnapshotPiece piece{import, number, {}};
  using What = decltype(piece.what);
  auto what = [&]() -> Result<What> {
    switch (form.byte()) {
      case 0:
        return read_as<What, SnapshotPiece::State>(form);
      case 1:
        return read_as<What, SnapshotPiece::Log>(form);
      case 2:
        return read_as<What, SnapshotPiece::End>(form);
      default:
        return error(ErrorKind::corrupt, "a kind of piece that is not known");
    }
  }();
  if (!what) return Unexpected(std::move(what).error());
  piece.what = std::move(what).value();
  return piece;
}

}  // namespace roost::cluster
