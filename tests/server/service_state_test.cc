// SPDX-License-Identifier: Apache-2.0
#include "broker/server/service_state.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <filesystem>

namespace roost::server {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

// systemd's end of it.
class Listening {
 public:
  explicit Listening(const std::string& name) : path_(name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0) << name;
  }
  ~Listening() {
    ::close(fd_);
    std::error_code gone;
    std::filesystem::remove(path_, gone);
  }

  std::string variable() const { return "NOTIFY_SOCKET=" + path_; }
  // The next message; waits for it, for 10 s at most.
  std::string next() const { return receive(0); }
  // Empty: none is there.
  std::string now() const { return receive(MSG_DONTWAIT); }

 private:
  std::string receive(int flags) const {
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::array<char, 4096> text{};
    const ssize_t size = ::recv(fd_, text.data(), text.size(), flags);
    return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
  }

  std::string path_;
  int fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

std::string a_path() { return testing::TempDir() + "roost-notify-" + std::to_string(::getpid()); }

class ServiceStateTest : public testing::Test {
 protected:
  std::vector<std::string> environment(const std::string& usec = "8000000") const {
    return {"HOME=/", listening.variable(), "WATCHDOG_USEC=" + usec,
            "WATCHDOG_PID=" + std::to_string(::getpid())};
  }
  ServiceQuestions questions() {
    return {[this] { return turns; }, [this] { return connections; }};
  }

  Listening listening{a_path()};
  bool turns = true;
  std::uint64_t connections = 3;
};

TEST_F(ServiceStateTest, SaysThatItIsReadyAndStops) {
  ServiceState state(environment(), questions());
  state.ready(false);
  EXPECT_EQ(listening.next(), "READY=1\nSTATUS=Serves; connections: 3");
  state.stopping();
  EXPECT_EQ(listening.next(), "STOPPING=1\nSTATUS=Stops; connections left: 3");
  EXPECT_EQ(listening.now(), "");
}

TEST_F(ServiceStateTest, IsReadyBeforeItsClusterIs) {
  ServiceState state(environment(), questions());
  state.ready(true);
  EXPECT_EQ(listening.next(), "READY=1\nSTATUS=Waits for etcd and the other nodes");
  state.joined();
  EXPECT_EQ(listening.next(), "STATUS=Serves; connections: 3");
}

TEST_F(ServiceStateTest, AReloadHasItsTimeAndItsEnd) {
  ServiceState state(environment(), questions());
  state.ready(true);
  listening.next();
  const auto monotonic_us = [] {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  };
  const std::int64_t before = monotonic_us();
  state.reloading();
  const std::string said = listening.next();
  const std::string begins = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_TRUE(said.starts_with(begins)) << said;
  const std::int64_t at = std::stoll(said.substr(begins.size()));
  EXPECT_GE(at, before);
  EXPECT_LE(at, monotonic_us());
  state.reloaded();
  EXPECT_EQ(listening.next(), "READY=1\nSTATUS=Waits for etcd and the other nodes");
}

TEST_F(ServiceStateTest, BeatsAtHalfTheWatchdogsTimeWhileTheCoresTurn) {
  ServiceState state(environment(), questions());
  state.ready(false);
  listening.next();
  connections = 4;
  EXPECT_EQ(state.beat(), seconds(4));
  EXPECT_EQ(listening.next(), "WATCHDOG=1\nSTATUS=Serves; connections: 4");
  turns = false;
  EXPECT_EQ(state.beat(), microseconds(500'000)) << "looks again soon";
  EXPECT_EQ(listening.now(), "");
  turns = true;
  EXPECT_EQ(state.beat(), seconds(4));
  EXPECT_EQ(listening.next(), "WATCHDOG=1\nSTATUS=Serves; connections: 4");
}

TEST_F(ServiceStateTest, AStopIsGivenMoreTimeWhileTheCoresTurn) {
  ServiceState state(environment(), questions());
  state.ready(false);
  state.stopping();
  listening.next();
  listening.next();
  state.beat();
  EXPECT_EQ(listening.next(),
            "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=30000000\nSTATUS=Stops; connections left: 3");
  turns = false;
  state.beat();
  EXPECT_EQ(listening.now(), "");
}

TEST_F(ServiceStateTest, WithoutAWatchdogItBeatsWithoutItsWord) {
  for (const std::string usec : {"", "0", "-5", "soon", "12x"}) {
    ServiceState state(environment(usec), questions());
    EXPECT_EQ(state.watchdog().count(), 0) << usec;
    state.ready(false);
    listening.next();
    EXPECT_EQ(state.beat(), ServiceState::kLongestBeat);
    EXPECT_EQ(listening.next(), "STATUS=Serves; connections: 3");
  }
}

TEST_F(ServiceStateTest, AnotherProcesssWatchdogIsNotOurs) {
  const auto ours = environment();
  const ServiceState state({ours[1], ours[2], "WATCHDOG_PID=" + std::to_string(::getpid() + 1)},
                           questions());
  EXPECT_EQ(state.watchdog().count(), 0);
  const ServiceState anybodys({ours[1], ours[2]}, questions());
  EXPECT_EQ(anybodys.watchdog(), seconds(8));
}

TEST_F(ServiceStateTest, ItsThreadBeatsAndIsHurriedByAStop) {
  ServiceState state(environment(), questions());
  state.ready(false);
  listening.next();
  state.start_beats();
  EXPECT_TRUE(listening.next().starts_with("WATCHDOG=1\n"));
  state.stopping();
  EXPECT_TRUE(listening.next().starts_with("STOPPING=1\n"));
  EXPECT_TRUE(listening.next().starts_with("WATCHDOG=1\nEXTEND_TIMEOUT_USEC=")) << "not in 4 s";
}

TEST(ServiceState, AnAbstractSocketIsSpokenTo) {
  const Listening abstract("@roost-notify-" + std::to_string(::getpid()));
  ServiceState state({abstract.variable()}, {[] { return true; }, [] { return 0; }});
  state.ready(false);
  EXPECT_EQ(abstract.next(), "READY=1\nSTATUS=Serves; connections: 0");
}

TEST(ServiceState, WithoutASocketNothingIsAsked) {
  const auto never = [] {
    ADD_FAILURE();
    return 0;
  };
  const std::string too_long = "/" + std::string(200, 'x');
  for (const std::string& path :
       {std::string(), std::string("vsock:2:1"), std::string("@"), too_long}) {
    ServiceState state({"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=1000000"},
                       {[&never] { return never() == 0; }, never});
    state.ready(false);
    state.joined();
    state.reloading();
    state.reloaded();
    state.start_beats();
    state.stopping();
    EXPECT_EQ(state.watchdog().count(), 0);
  }
}

TEST(ServiceState, NobodyListeningIsNoFault) {
  ServiceState state({"NOTIFY_SOCKET=/nowhere/notify"}, {[] { return true; }, [] { return 0; }});
  state.ready(false);
  state.stopping();
  EXPECT_EQ(state.beat(), ServiceState::kLongestBeat);
}

}  // namespace
}  // namespace roost::server
