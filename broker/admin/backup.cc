// SPDX-License-Identifier: Apache-2.0
#include "broker/admin/backup.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "broker/base/file.h"

namespace roost::admin {

namespace {

namespace fs = std::filesystem;

std::string partial_of(const std::string& directory) { return directory + ".partial"; }

// Without the slash that shells put at the end.
std::string plain(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

bool is_inside(const fs::path& inner, const fs::path& outer) {
  std::error_code failed;
  const fs::path a = fs::weakly_canonical(inner, failed), b = fs::weakly_canonical(outer, failed);
  const auto [end, at] = std::mismatch(b.begin(), b.end(), a.begin(), a.end());
  static_cast<void>(at);
  return end == b.end();
}

Result<Manifest> write_files(const BackupPlan& plan, const storage::Snapshot& snapshot,
                             const std::string& folder, const Progress& progress) {
  if (auto made = make_folder(folder); !made) return Unexpected(made.error());
  if (auto made = make_folder(folder + "/db"); !made) return Unexpected(made.error());
  Manifest manifest{plan.version, plan.created, plan.shards, {}};
  for (const storage::SnapshotFile& file : snapshot.files()) {
    const std::string to = folder + "/" + file.name;
    const auto sum = file.path.empty() ? write_file(to, file.content)
                                       : copy_file(file.path, to, file.bytes, progress);
    if (!sum) return Unexpected(sum.error());
    manifest.files.push_back({file.name, file.bytes, *sum});
  }
  const std::string shards = std::to_string(plan.shards) + "\n";
  const auto written = write_file(folder + "/shards", shards);
  if (!written) return Unexpected(written.error());
  manifest.files.push_back({"shards", shards.size(), *written});
  const auto sum = write_file(folder + "/" + kManifestName, manifest_text(manifest));
  if (!sum) return Unexpected(sum.error());
  const std::string line = *sum + "  " + kManifestName + "\n";
  if (auto done = write_file(folder + "/" + kManifestSumName, line); !done) {
    return Unexpected(done.error());
  }
  for (const std::string& each : {folder + "/db", folder}) {
    if (auto synced = sync_folder(each); !synced) return Unexpected(synced.error());
  }
  return manifest;
}

}  // namespace

Result<void> check_backup_place(const BackupPlan& plan) {
  const std::string directory = plain(plan.directory);
  if (!directory.starts_with('/')) {
    return error(ErrorKind::invalid_argument, "the backup's folder must be an absolute path");
  }
  if (is_inside(directory, plan.data_dir)) {
    return error(ErrorKind::invalid_argument, directory + " is inside the data directory " +
                                                  plan.data_dir +
                                                  "; choose another disk or folder");
  }
  std::error_code failed;
  if (fs::exists(directory, failed) &&
      (!fs::is_directory(directory, failed) || !fs::is_empty(directory, failed) || failed)) {
    return error(ErrorKind::already_exists,
                 directory + " is already there and not empty; name a new folder");
  }
  const std::string partial = partial_of(directory);
  if (fs::exists(fs::symlink_status(partial, failed))) {
    return error(ErrorKind::already_exists,
                 partial +
                     " is there: a backup that was cut short, or one that another broker is "
                     "writing; remove it or name another folder");
  }
  const std::string parent = fs::path(directory).parent_path().string();
  if (!fs::is_directory(parent, failed)) {
    return error(ErrorKind::not_found, parent +
                                           " is no folder of the machine that the broker runs "
                                           "on");
  }
  if (::access(parent.c_str(), W_OK | X_OK) != 0) {
    return error(ErrorKind::permission_denied, parent +
                                                   " can't be written by the broker's user (uid " +
                                                   std::to_string(::geteuid()) + ")");
  }
  return {};
}

Result<Manifest> write_backup(const BackupPlan& plan, const storage::Snapshot& snapshot,
                              const Progress& progress) {
  const std::string directory = plain(plan.directory), partial = partial_of(directory);
  auto manifest = write_files(plan, snapshot, partial, progress);
  if (manifest) {
    auto done = rename_path(partial, directory);
    if (done) done = sync_folder(fs::path(directory).parent_path().string());
    if (done) return manifest;
    manifest = Unexpected(Error(done.error()));
  }
  std::error_code ignored;
  if (manifest.error().kind != ErrorKind::already_exists) fs::remove_all(partial, ignored);
  return manifest;
}

Result<Manifest> read_manifest(const std::string& folder) {
  const std::string path = folder + "/" + kManifestName;
  const auto text = base::read_file(path, kManifestBytesMax);
  if (!text && text.error().kind == ErrorKind::not_found) {
    return error(ErrorKind::not_found, folder + " is no backup: it has no " + kManifestName);
  }
  if (!text) return Unexpected(text.error());
  const auto line = base::read_file(folder + "/" + kManifestSumName, 1000);
  if (!line) return Unexpected(line.error());
  if (*line != sha256_of(*text) + "  " + kManifestName + "\n") {
    return error(ErrorKind::corrupt, path + " is damaged: it doesn't match " + kManifestSumName);
  }
  return parse_manifest(*text);
}

}  // namespace roost::admin
