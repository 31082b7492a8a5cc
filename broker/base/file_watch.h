// SPDX-License-Identifier: Apache-2.0
// Which of some files have changed, by looking: a symbolic link that points elsewhere now (as
// Kubernetes swaps secrets) counts, and so does another file under the name.
// Thread: one at a time; blocks for stat(), so never on a core.
// Owner: whoever looks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace roost::base {

class FileWatch {
 public:
  // As they are now is no change.
  explicit FileWatch(std::vector<std::string> paths);

  // Those that changed, each once it has stayed the same from one look to the next: who reads it
  // then doesn't see it half written. A file that is gone is no change until there is one again.
  std::vector<std::string> look();

 private:
  struct State {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  struct Watched {
    std::string path;
    State reported, last;
  };
  static State state_of(const std::string& path);

  std::vector<Watched> files_;
};

}  // namespace roost::base
