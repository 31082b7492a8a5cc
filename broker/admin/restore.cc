// SPDX-License-Identifier: Apache-2.0
#include "broker/admin/restore.h"

#include <filesystem>
#include <system_error>

#include "broker/admin/backup.h"
#include "storage/lock.h"

namespace roost::admin {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPartial = "restore.partial";

// Copies to `to`, or only reads where that is empty.
Result<void> copy_checked(const std::string& backup, const ManifestFile& file,
                          const std::string& to, const Progress& progress) {
  const std::string from = backup + "/" + file.name;
  std::error_code failed;
  if (const auto bytes = fs::file_size(from, failed); !failed && bytes != file.bytes) {
    return error(ErrorKind::corrupt, from + " has " + std::to_string(bytes) + " bytes instead of " +
                                         std::to_string(file.bytes));
  }
  const auto sum = copy_file(from, to, file.bytes, progress);
  if (!sum) return Unexpected(sum.error());
  if (*sum == file.sha256) return {};
  return error(ErrorKind::corrupt, from + " is damaged: its checksum is not the manifest's");
}

Result<void> check_empty(const std::string& data_dir) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(data_dir, failed)) {
    const std::string name = entry.path().filename().string();
    if (name == "lost+found" || name == "roost.pid" || name == kPartial) continue;
    // What a restore that was cut short had moved already: db comes last.
    if ((name == "FORMAT" || name == "shards") && !fs::exists(data_dir + "/db") &&
        fs::exists(data_dir + "/" + kPartial + "/db")) {
      continue;
    }
    return error(ErrorKind::already_exists, data_dir + " holds data (" + name +
                                                "); move it away first, or restore to another "
                                                "folder with --data-dir");
  }
  if (failed) return error(ErrorKind::io, data_dir + " can't be read: " + failed.message());
  return {};
}

Result<void> fill(const std::string& backup, const Manifest& manifest, const std::string& folder,
                  const Progress& progress) {
  if (auto made = make_folder(folder); !made) return made;
  if (auto made = make_folder(folder + "/db"); !made) return made;
  for (const ManifestFile& file : manifest.files) {
    if (auto copied = copy_checked(backup, file, folder + "/" + file.name, progress); !copied) {
      return copied;
    }
  }
  if (auto synced = sync_folder(folder + "/db"); !synced) return synced;
  return sync_folder(folder);
}

Result<void> move_in(const Manifest& manifest, const std::string& folder,
                     const std::string& data_dir) {
  for (const ManifestFile& file : manifest.files) {
    if (file.name.starts_with("db/")) continue;
    auto moved = rename_path(folder + "/" + file.name, data_dir + "/" + file.name);
    if (!moved) return moved;
  }
  if (auto synced = sync_folder(data_dir); !synced) return synced;
  if (auto moved = rename_path(folder + "/db", data_dir + "/db"); !moved) return moved;
  std::error_code ignored;
  fs::remove(folder, ignored);
  return sync_folder(data_dir);
}

}  // namespace

Result<Manifest> verify_backup(const std::string& backup, const Progress& progress) {
  auto manifest = read_manifest(backup);
  if (!manifest) return manifest;
  for (const ManifestFile& file : manifest->files) {
    auto checked = copy_checked(backup, file, {}, progress);
    if (!checked) return Unexpected(checked.error());
  }
  return manifest;
}

Result<Manifest> restore_backup(const std::string& backup, const std::string& data_dir,
                                const Progress& progress) {
  auto manifest = read_manifest(backup);
  if (!manifest) return manifest;
  // Before anything is touched; and again when nobody can come any more.
  if (const auto pid = storage::lock_owner(data_dir)) {
    return error(ErrorKind::already_exists,
                 data_dir + " is in use by the process with pid " + *pid);
  }
  std::error_code failed;
  const bool is_new = !fs::exists(data_dir, failed);
  if (!is_new) {
    if (auto empty = check_empty(data_dir); !empty) return Unexpected(empty.error());
  }
  fs::create_directories(data_dir, failed);
  if (failed) return error(ErrorKind::io, data_dir + " can't be made: " + failed.message());
  const auto lock = storage::DirectoryLock::take(data_dir);
  if (!lock) return Unexpected(lock.error());
  if (auto empty = check_empty(data_dir); !empty) return Unexpected(empty.error());
  const std::string partial = data_dir + "/" + kPartial;
  fs::remove_all(partial, failed);
  if (auto filled = fill(backup, *manifest, partial, progress); !filled) {
    fs::remove_all(is_new ? data_dir : partial, failed);
    return Unexpected(filled.error());
  }
  // Where this fails the partial folder stays: no broker starts, and the next restore begins anew.
  if (auto moved = move_in(*manifest, partial, data_dir); !moved) return Unexpected(moved.error());
  return manifest;
}

Result<void> check_servable(const std::string& data_dir) {
  std::error_code ignored;
  if (fs::exists(data_dir + "/" + kPartial + "/db", ignored)) {
    return error(ErrorKind::invalid_argument,
                 data_dir + " holds a restore that was cut short; run `roost restore` again");
  }
  if (fs::exists(data_dir + "/" + kManifestName, ignored)) {
    return error(ErrorKind::invalid_argument,
                 data_dir +
                     " is a backup and would be changed; bring it back with `roost restore " +
                     data_dir + " --data-dir NEW`");
  }
  return {};
}

}  // namespace roost::admin
