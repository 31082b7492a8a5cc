// SPDX-License-Identifier: Apache-2.0
#include "broker/net/listener.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>

#include "broker/net/socket.h"
#include "tests/net/fixture.h"
#include "tests/net/listener_stage.h"

namespace roost::net {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

bool has_ipv6() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool works = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return works;
}

TEST(Listener, AcceptsAndSaysWhoItIs) {
  ListenerStage stage;
  stage.open(local_settings());
  EXPECT_EQ(stage.listener->describe(),
            "mqtt on 127.0.0.1:" + std::to_string(stage.listener->port()));
  const Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  stage.turns(1);
  ASSERT_THAT(stage.accepted, SizeIs(1));
  EXPECT_THAT(stage.accepted[0].peer.address, StartsWith("127.0.0.1:"));
  EXPECT_TRUE(stage.accepted[0].peer.is_loopback);
  EXPECT_FALSE(stage.accepted[0].peer.tls);
  EXPECT_EQ(stage.counters[0].connections_opened.value(), 1U);
}

TEST(Listener, GivesItsConnectionsTcpNoDelay) {
  ListenerStage stage;
  stage.open(local_settings());
  const Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  stage.turns(1);
  ASSERT_THAT(stage.accepted, SizeIs(1));
  int value = 0;
  socklen_t size = sizeof(value);
  ::getsockopt(stage.accepted[0].fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
  EXPECT_NE(value, 0);
}

TEST(Listener, AcceptsAClientTogetherWithItsFirstBytes) {
  ListenerStage stage;
  ListenerSettings settings = local_settings();
  settings.silent_for_s = ListenerSettings().silent_for_s;
  stage.open(std::move(settings));
  const Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  stage.turns(2);
  EXPECT_TRUE(stage.accepted.empty()) << "nobody was woken for a client that says nothing";
  peer.send("hello");
  stage.turns(1);
  ASSERT_EQ(stage.accepted.size(), 1U);
  EXPECT_EQ(as_text(stage.accepted[0].unread), "hello");
  EXPECT_EQ(stage.counters[0].bytes_in.value(), 5U);
}

TEST(Listener, AcceptsAClientThatSaysNothingALittleLater) {
  ListenerStage stage;
  ListenerSettings settings = local_settings();
  settings.silent_for_s = ListenerSettings().silent_for_s;
  stage.open(std::move(settings));
  const Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  while (stage.accepted.empty()) stage.cores.at(CoreId{0}).run_once(100);
  EXPECT_TRUE(stage.accepted[0].unread.empty());
}

TEST(Listener, ServesBothFamiliesOnStar) {
  ListenerStage stage;
  stage.open(local_settings("*"));
  const Peer four(connect_to("127.0.0.1", stage.listener->port()));
  stage.turns(1);
  ASSERT_THAT(stage.accepted, SizeIs(1));
  EXPECT_THAT(stage.accepted[0].peer.address, StartsWith("127.0.0.1:"));
  EXPECT_TRUE(stage.accepted[0].peer.is_loopback);
  if (!has_ipv6()) {
    EXPECT_THAT(stage.log.lines, ::testing::Contains(HasSubstr("no IPv6")));
    return;
  }
  const Peer six(connect_to("::1", stage.listener->port()));
  stage.turns(1);
  ASSERT_THAT(stage.accepted, SizeIs(2));
  EXPECT_THAT(stage.accepted[1].peer.address, StartsWith("[::1]:"));
  EXPECT_TRUE(stage.accepted[1].peer.is_loopback);
}

TEST(Listener, ServesEveryAddressOfAName) {
  ListenerStage stage;
  stage.open(local_settings("localhost"));
  const Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  stage.turns(1);
  EXPECT_THAT(stage.accepted, SizeIs(1));
}

TEST(Listener, SaysThatAnAddressIsInUse) {
  ListenerStage stage;
  stage.open(local_settings());
  ListenerSettings second = local_settings();
  second.port = stage.listener->port();
  auto opened = Listener::open(std::move(second), stage.cores, stage.counters, stage.log);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::already_exists);
  EXPECT_THAT(opened.error().message, HasSubstr(std::to_string(stage.listener->port())));
}

TEST(Listener, SaysThatAnAddressIsNotOfThisMachine) {
  ListenerStage stage;
  auto opened = Listener::open(local_settings("192.0.2.1"), stage.cores, stage.counters, stage.log);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::invalid_argument);
  opened = Listener::open(local_settings("no such host"), stage.cores, stage.counters, stage.log);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::invalid_argument);
}

TEST(Listener, RefusesMoreThanMaxConnections) {
  ListenerStage stage;
  ListenerSettings settings = local_settings();
  settings.max_connections = 2;
  stage.open(std::move(settings));
  std::vector<Peer> peers;
  peers.reserve(4);
  for (int i = 0; i < 3; ++i) peers.emplace_back(connect_to("127.0.0.1", stage.listener->port()));
  stage.turns(1);
  EXPECT_THAT(stage.accepted, SizeIs(2));
  EXPECT_EQ(stage.counters[0].connections_refused.value(), 1U);
  EXPECT_EQ(peers[2].receive(), "");
  EXPECT_TRUE(peers[2].at_end());
  stage.listener->connection_closed();
  peers.emplace_back(connect_to("127.0.0.1", stage.listener->port()));
  stage.turns(1);
  EXPECT_THAT(stage.accepted, SizeIs(3));
}

TEST(Listener, PausesInsteadOfSpinningWithoutFileDescriptors) {
  ListenerStage stage;
  stage.open(local_settings());
  const Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  stage.turns(10);
  EXPECT_EQ(stage.counters[0].accept_errors.value(), 1U);
  for (int i = 0; i < 100; ++i) {  // ten seconds
    stage.clock.advance_ms(100);
    stage.turns(1);
  }
  EXPECT_LE(stage.counters[0].accept_errors.value(), 15U);
  EXPECT_GE(stage.counters[0].accept_errors.value(), 9U);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(stage.accepted, SizeIs(0));
  stage.clock.advance_ms(1'100);
  stage.turns(2);
  EXPECT_THAT(stage.accepted, SizeIs(1));
}

TEST(Listener, TurnsClientsAwayAfterStopAndKeepsThoseItHas) {
  ListenerStage stage;
  stage.open(local_settings());
  Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  stage.turns(1);
  stage.listener->stop();
  EXPECT_EQ(connect_to("127.0.0.1", stage.listener->port()), -1);
  stage.turns(3);
  EXPECT_EQ(stage.counters[0].accept_errors.value(), 0U);
  EXPECT_EQ(peer.receive(), "");
  EXPECT_FALSE(peer.at_end());
}

TEST(Listener, MayGoBeforeItsCoresHaveHeardOfIt) {
  ManualClock clock;
  std::vector<NetCounters> counters(2);
  LinesLog log;
  core::Cores cores(2, clock);
  auto opened = Listener::open(local_settings(), cores, counters, log);
  ASSERT_TRUE(opened);
  opened.value()->start([](core::Core&, DetachedConnection) {});
  cores.at(CoreId{0}).run_once(0);
  opened.value().reset();
}

TEST(Listener, SharesAcceptingBetweenCoresThatRun) {
  SystemClock clock;
  std::vector<NetCounters> counters(2);
  LinesLog log;
  std::mutex lock;
  std::condition_variable changed;
  int accepted = 0;
  core::Cores cores(2, clock, {.hosts = false});
  auto opened = Listener::open(local_settings(), cores, counters, log);
  ASSERT_TRUE(opened);
  opened.value()->start([&](core::Core&, DetachedConnection) {
    const std::lock_guard guard(lock);
    ++accepted;
    changed.notify_all();
  });
  cores.start();
  std::vector<Peer> peers;
  peers.reserve(200);
  for (int i = 0; i < 200; ++i) {
    peers.emplace_back(connect_to("127.0.0.1", opened.value()->port()));
  }
  {
    std::unique_lock guard(lock);
    changed.wait(guard, [&] { return accepted == 200; });
  }
  cores.stop();
  EXPECT_EQ(counters[0].connections_opened.value() + counters[1].connections_opened.value(), 200U);
}

// --- Unix sockets ---

class SocketFile {
 public:
  SocketFile()
      : path_(std::filesystem::temp_directory_path() /
              ("roost-net-test-" + std::to_string(::getpid()))) {
    std::filesystem::remove(path_);
  }
  ~SocketFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_; }
  ListenerSettings settings() const {
    ListenerSettings settings;
    settings.name = "unix";
    settings.unix_path = path_;
    settings.unix_mode = 0600;
    return settings;
  }
  int connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
    ::close(fd);
    return -1;
  }

 private:
  std::filesystem::path path_;
};

TEST(Listener, ServesAUnixSocketWithItsModeAndRemovesItAtTheEnd) {
  const SocketFile file;
  {
    ListenerStage stage;
    stage.open(file.settings());
    EXPECT_EQ(stage.listener->describe(), "mqtt on " + file.path());
    struct stat there {};
    ASSERT_EQ(::stat(file.path().c_str(), &there), 0);
    EXPECT_EQ(there.st_mode & 0777U, 0600U);
    const Peer peer(file.connect());
    stage.turns(1);
    ASSERT_THAT(stage.accepted, SizeIs(1));
    EXPECT_EQ(stage.accepted[0].peer.address, "unix");
    EXPECT_TRUE(stage.accepted[0].peer.is_loopback);
  }
  EXPECT_FALSE(std::filesystem::exists(file.path()));
}

TEST(Listener, ReplacesTheSocketFileOfADeadProcess) {
  const SocketFile file;
  auto dead = listen_unix(file.path(), 0600);
  ASSERT_TRUE(dead);
  dead.value() = Fd();
  ASSERT_TRUE(std::filesystem::exists(file.path()));
  ListenerStage stage;
  stage.open(file.settings());
  const Peer peer(file.connect());
  stage.turns(1);
  EXPECT_THAT(stage.accepted, SizeIs(1));
}

TEST(Listener, LeavesALiveSocketFileAndOtherFilesAlone) {
  const SocketFile file;
  ListenerStage stage;
  {
    const auto live = listen_unix(file.path(), 0600);
    auto opened = Listener::open(file.settings(), stage.cores, stage.counters, stage.log);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::already_exists);
  }
  std::filesystem::remove(file.path());
  std::ofstream(file.path()) << "somebody's data";
  auto opened = Listener::open(file.settings(), stage.cores, stage.counters, stage.log);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::already_exists);
  EXPECT_TRUE(std::filesystem::exists(file.path()));
}

TEST(Listener, RefusesAUnixPathThatIsTooLong) {
  ListenerStage stage;
  ListenerSettings settings;
  settings.unix_path = "/tmp/" + std::string(200, 'x');
  auto opened = Listener::open(std::move(settings), stage.cores, stage.counters, stage.log);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace roost::net
