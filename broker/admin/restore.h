// SPDX-License-Identifier: Apache-2.0
// From a backup to a data directory. Everything is checked while it is copied to restore.partial in
// the data directory; db/ is moved out of it last, and as long as restore.partial/db is there no
// broker starts on the directory. So what starts is whole. (Inside, because a data directory is
// often a mount point, which no other folder can be renamed to.)
// Thread: the caller's; blocks.
#pragma once

#include <string>

#include "broker/admin/copy.h"
#include "broker/admin/manifest.h"
#include "broker/base/result.h"

namespace roost::admin {

// Reads all of the backup. Errors: as read_manifest; corrupt or not_found, naming the file.
Result<Manifest> verify_backup(const std::string& backup, const Progress& progress);

// `data_dir` is made if it is missing. The backup stays as it is. Errors: already_exists (a process
// has the directory, its pid is named; or there is something in it), those of verify_backup and of
// copy_file. Nothing of the backup is left behind then.
Result<Manifest> restore_backup(const std::string& backup, const std::string& data_dir,
                                const Progress& progress);

// Before a broker opens the directory. Errors: invalid_argument: a restore wasn't finished, or it
// is a backup, which would change.
Result<void> check_servable(const std::string& data_dir);

}  // namespace roost::admin
