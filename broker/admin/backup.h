// SPDX-License-Identifier: Apache-2.0
// A backup: the files of a store's snapshot in a folder with a manifest. Written to NAME.partial
// and renamed at the end, so that one that was cut short never looks whole. Thread: the caller's;
// blocks for as long as copying takes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/admin/copy.h"
#include "broker/admin/manifest.h"
#include "broker/base/result.h"
#include "storage/store.h"

namespace roost::admin {

struct BackupPlan {
  std::string directory;  // absolute; not there, or empty
  std::string data_dir;
  std::string version;  // ours
  std::string created;
  std::uint16_t shards = 0;
};

// Whether a backup can be made there. Errors: invalid_argument (not absolute, inside the data
// directory), already_exists, not_found (the folder that it shall stand in), permission_denied.
Result<void> check_backup_place(const BackupPlan& plan);

// Requires: check_backup_place(). Errors: as copy_file; nothing is left behind then.
Result<Manifest> write_backup(const BackupPlan& plan, const storage::Snapshot& snapshot,
                              const Progress& progress);

// The manifest of the backup in a folder; its own checksum is right. Errors: not_found (it is no
// backup, or one that was cut short), corrupt, invalid_argument (newer).
Result<Manifest> read_manifest(const std::string& folder);

}  // namespace roost::admin
