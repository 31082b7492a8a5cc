// SPDX-License-Identifier: Apache-2.0
#include "storage/disk_store.h"

#include <random>
#include <utility>

#include "broker/base/check.h"
#include "storage/keys.h"
#include "storage/recovery.h"
#include "storage/shard_snapshot.h"

namespace roost::storage {

namespace {

// Version 4: random.
std::string make_uuid() {
  std::random_device device;
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string uuid;
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) uuid.push_back('-');
    unsigned digit = device() & 0xf;
    if (i == 12) digit = 4;
    if (i == 16) digit = 8 | (digit & 3);
    uuid.push_back(kDigits[digit]);
  }
  return uuid;
}

// Files that aren't deleted as long as this lives.
class HeldFiles final : public Snapshot {
 public:
  explicit HeldFiles(Database& database) : database_(database) {
    database_.db().DisableFileDeletions().PermitUncheckedError();
  }
  ~HeldFiles() override {
    database_.db().EnableFileDeletions(/*force=*/false).PermitUncheckedError();
  }
  void add(SnapshotFile file) { files_.push_back(std::move(file)); }
  const std::vector<SnapshotFile>& files() const override { return files_; }

 private:
  Database& database_;
  std::vector<SnapshotFile> files_;
};

}  // namespace

Result<std::unique_ptr<Store>> Store::open(StoreOptions options, Log& log) {
  auto opened = DiskStore::open(std::move(options), log);
  if (!opened) return Unexpected(std::move(opened).error());
  return std::unique_ptr<Store>(std::move(opened).value());
}

Result<std::unique_ptr<ReplicaStore>> ReplicaStore::open(StoreOptions options, Log& log) {
  return DiskStore::open(std::move(options), log);
}

Result<std::unique_ptr<ReplicaStore>> DiskStore::open(StoreOptions options, Log& log) {
  std::unique_ptr<DiskStore> store(new DiskStore(std::move(options), log));
  if (auto started = store->start(); !started) return Unexpected(std::move(started).error());
  return std::unique_ptr<ReplicaStore>(std::move(store));
}

DiskStore::DiskStore(StoreOptions options, Log& log)
    : options_(std::move(options)),
      log_(log),
      fatal_(
          options_.on_fatal, [this] { remember_failure(); }, log),
      setup_(options_, log, counters_),
      damage_([this] { remember_damage(); }, log, counters_) {}

DiskStore::~DiskStore() {
  if (space_) space_->end();
  readers_.reset();
  state_.reset();  // hands trims to the writer
  writer_.reset();
}

Result<void> DiskStore::start() {
  auto directory = Directory::open(options_.path, setup_.files(), log_);
  if (!directory) return Unexpected(std::move(directory).error());
  directory_ = std::move(directory).value();
  auto recovered = Recovery(setup_, *directory_, options_, counters_, log_).run();
  if (!recovered) return Unexpected(std::move(recovered).error());
  database_ = std::move(recovered->database);
  const bool is_unsure = directory_->is_unsure();
  if (auto read = read_uuid(recovered->was_damaged || is_unsure); !read) return read;
  if (is_unsure) {
    log_.write(LogLevel::warn,
               "storage: a write or an fsync failed the last time: the store has a new uuid");
    if (auto cleared = directory_->set_unsure(false); !cleared) return cleared;
  }
  auto positions = read_positions(*database_);
  if (!positions) return Unexpected(std::move(positions).error());
  positions_ = std::move(positions).value();
  space_ = std::make_unique<SpaceWatch>(*database_, *directory_, options_, counters_, log_);
  writer_ = std::make_unique<LogWriter>(*database_, *space_, options_, counters_, fatal_,
                                        positions_.last, positions_.epochs);
  for (const ShardId shard : positions_.found_epochs) {
    LogBatch batch;
    batch.put_epochs(shard, positions_.epochs_of(shard));
    writer_->append(std::move(batch), true, [](const Result<void>&) {});
  }
  state_ = std::make_unique<StateWriter>(*database_, *writer_, *space_, options_, counters_, fatal_,
                                         positions_.trimmed);
  readers_ = std::make_unique<Workers>(options_.reader_threads);
  return {};
}

Result<void> DiskStore::read_uuid(bool must_be_new) {
  rocksdb::Status status =
      database_->db().Get(rocksdb::ReadOptions(), database_->log(), uuid_key(), &uuid_);
  if (status.ok() && !must_be_new && !directory_->is_copy()) return {};
  if (!status.ok() && !status.IsNotFound()) return as_error(status, "the uuid can't be read");
  uuid_ = make_uuid();
  rocksdb::WriteOptions options;
  options.sync = options_.sync;
  status = database_->db().Put(options, database_->log(), uuid_key(), uuid_);
  if (!status.ok()) return as_error(status, "the uuid can't be written");
  if (directory_->is_copy()) return directory_->forget_being_copy();
  return {};
}

// So that the next open() reads every page, whatever the tables' size.
void DiskStore::remember_damage() {
  if (setup_.background_damage().empty() && counters_.damaged_reads.value() == 0) return;
  const auto marked = directory_->set_suspect(true);
  if (!marked) log_.write(LogLevel::error, "storage: " + marked.error().message);
}

void DiskStore::remember_failure() {
  remember_damage();
  const auto marked = directory_->set_unsure(true);
  if (!marked) log_.write(LogLevel::error, "storage: " + marked.error().message);
}

void DiskStore::append(LogBatch batch, bool essential, Done done) {
  writer_->append(std::move(batch), essential, std::move(done));
}

bool DiskStore::is_congested() const { return writer_->is_congested(); }
bool DiskStore::is_low_on_space() const { return space_->low(); }

Position DiskStore::last(ShardId shard) const { return positions_.last_of(shard); }
LogIndex DiskStore::applied(ShardId shard) const { return positions_.applied_of(shard); }

Result<void> DiskStore::replay(ShardId shard, LogIndex after, const RecordVisitor& visit) const {
  return replay_log(*database_, positions_, shard, after, visit, counters_, log_);
}

void DiskStore::write_state(ShardId shard, LogIndex applied, LogIndex trim_to, StateBatch batch,
                            Done done) {
  state_->write(shard, applied, trim_to, std::move(batch), std::move(done));
}

void DiskStore::flush_state(Done done) { state_->flush(std::move(done)); }

void DiskStore::read(std::function<void(const StateView&)> job) {
  readers_->run([this, job = std::move(job)] { job(DatabaseView(*database_, damage_, true)); });
}

std::unique_ptr<StateView> DiskStore::view() const {
  return std::make_unique<DatabaseView>(*database_, damage_, false);
}

ReplicaOnDisk DiskStore::replica(ShardId shard) const {
  return {positions_.last_of(shard), positions_.trimmed_of(shard) + 1, positions_.applied_of(shard),
          positions_.epochs_of(shard), positions_.meta_of(shard)};
}

void DiskStore::read_log(ShardId shard, LogIndex first, LogIndex last, std::uint64_t bytes_max,
                         LogRead done) {
  readers_->run([this, shard, first, last, bytes_max, done = std::move(done)] {
    std::vector<LogPiece> pieces;
    std::uint64_t bytes = 0;
    const auto read = ShardReader(*database_, shard, nullptr, damage_)
                          .log(first, [&](std::uint64_t epoch, LogIndex index, ByteView record) {
                            // What was trimmed is not there, so nothing of this piece is.
                            if (index > last || (pieces.empty() && index != first)) return false;
                            pieces.push_back({{epoch, index}, std::string(as_text(record))});
                            return (bytes += record.size()) < bytes_max;
                          });
    if (!read) return done(Unexpected(read.error()));
    done(std::move(pieces));
  });
}

Result<std::unique_ptr<ShardSnapshot>> DiskStore::shard_snapshot(ShardId shard) {
  return snapshot_of(*database_, shard, damage_);
}

void DiskStore::begin_import(ShardId shard, Done done) {
  state_->clear(shard, [this, shard, done = std::move(done)](Result<void> cleared) mutable {
    if (!cleared) return done(std::move(cleared));
    LogBatch batch;
    batch.forget_log(shard);
    writer_->append(std::move(batch), true, std::move(done));
  });
}

void DiskStore::end_import(ShardId shard, Imported imported, Done done) {
  const LogIndex trimmed = imported.trimmed.index, applied = imported.applied;
  state_->adopt(shard, applied, trimmed,
                [this, shard, imported = std::move(imported),
                 done = std::move(done)](Result<void> adopted) mutable {
                  if (!adopted) return done(std::move(adopted));
                  LogBatch batch;
                  batch.put_epochs(shard, imported.epochs);
                  batch.put_trimmed(shard, imported.trimmed.epoch, imported.trimmed.index);
                  batch.put_meta(shard, imported.meta);
                  writer_->append(std::move(batch), true, std::move(done));
                });
}

Result<std::unique_ptr<Snapshot>> DiskStore::snapshot() {
  auto held = std::make_unique<HeldFiles>(*database_);
  auto listed = state_->list_files();
  if (!listed) return Unexpected(std::move(listed).error());
  for (SnapshotFile& file : *listed) {
    file.name.insert(0, "db/");
    held->add(std::move(file));
  }
  const std::string format = Directory::text_of_copy(), suspect = "read all\n";
  held->add({"FORMAT", {}, format.size(), format});
  if (directory_->is_suspect()) held->add({"SUSPECT", {}, suspect.size(), suspect});
  return std::unique_ptr<Snapshot>(std::move(held));
}

}  // namespace roost::storage
