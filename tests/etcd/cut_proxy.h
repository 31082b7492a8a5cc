// SPDX-License-Identifier: Apache-2.0
// A TCP proxy in front of one etcd member that can lose what one side says, and cut.
// Thread: its own; the methods any.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace roost::cluster {

class CutProxy {
 public:
  enum class Mode {
    pass,
    lose_answers,   // what etcd says is read and thrown away
    lose_requests,  // what the client says is read and thrown away
    refuse,         // whoever is connected is cut, whoever comes too
  };

  explicit CutProxy(std::uint16_t target);
  ~CutProxy();
  CutProxy(const CutProxy&) = delete;
  CutProxy& operator=(const CutProxy&) = delete;

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }
  // Holds from its return on.
  void set(Mode mode);
  // How many bytes it has thrown away.
  std::size_t lost();
  // Ends all connections, then passes again.
  void cut();

 private:
  struct Pair {
    int client = -1;
    int server = -1;
  };

  void tell(const std::function<void()>& what);
  void run();
  void accept_one();
  bool move(int from, int to, bool is_lost);  // false: one side has ended
  void close_all();

  const std::uint16_t target_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1;
  std::mutex mutex_;  // for all below; the loop holds it while it works
  Mode mode_ = Mode::pass;
  bool is_over_ = false;
  std::size_t lost_ = 0;
  std::vector<Pair> pairs_;
  std::thread thread_;
};

}  // namespace roost::cluster
