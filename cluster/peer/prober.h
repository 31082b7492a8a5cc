// SPDX-License-Identifier: Apache-2.0
// Whether somebody listens at an address, by a plain TCP connect that is closed at once. R3
// Thread: any; a thread of its own, which also looks names up: that may block, and then delays
// other probes, but no link.
// Owner: the network.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace roost::cluster::peer {

class Prober {
 public:
  enum class Found { listening, refused, unreachable };
  using Tell = std::function<void(Found)>;

  Prober();
  ~Prober();  // what was asked is told no more

  // Told once, on the prober's thread, after kProbeTimeoutMs at most.
  void ask(const std::string& address, Tell tell);

 private:
  struct Asked {
    std::string address;
    Tell tell;
  };
  struct Probe {
    int fd;
    std::int64_t until_ms;
    Tell tell;
  };
  struct Resolved {
    sockaddr_storage address{};
    socklen_t size = 0;  // 0: not found
    std::int64_t until_ms = 0;
  };

  void run();
  bool wait();  // false: stop
  void begin(Asked& asked);
  void look();
  const Resolved& resolve(const std::string& address);
  void wake();

  const int wake_fd_;
  std::map<std::string, Resolved> resolved_;  // the thread's, as probes_
  std::vector<Probe> probes_;
  std::mutex mutex_;
  std::vector<Asked> inbox_;  // guarded by mutex_
  bool is_stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace roost::cluster::peer
