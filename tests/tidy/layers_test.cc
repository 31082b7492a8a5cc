// SPDX-License-Identifier: Apache-2.0
// Who may include whom. The table below is the rule; README.md draws it.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

using Strings = std::vector<std::string>;

struct Layer {
  std::string folder;
  Strings ours;    // folders, or single files, of ours that it may include besides itself
  Strings others;  // kinds of foreign headers that it may include besides plain std
};

const std::vector<Layer>& layers() {
  static const Strings kBelowServer = {
      "broker/base",    "broker/mqtt", "broker/core",    "broker/net", "broker/routing",
      "broker/session", "broker/auth", "broker/observe", "storage",    "cluster"};
  static const Strings kAll = {
      "broker/base",    "broker/mqtt", "broker/core",    "broker/net",      "broker/routing",
      "broker/session", "broker/auth", "broker/observe", "broker/gates",    "broker/http",
      "broker/admin",   "broker/cli",  "broker/client",  "broker/outgoing", "broker/server",
      "storage",        "cluster"};
  static const Strings kAnything = {
      "asio", "beast", "json",   "containers", "openssl",    "wslay",   "argon2",  "jwt",
      "yaml", "cli11", "spdlog", "fmt",        "prometheus", "sockets", "threads", "disk"};
  static const std::vector<Layer> kLayers = {
      {"broker/base", {}, {"threads", "disk"}},
      {"broker/mqtt", {"broker/base"}, {"containers"}},
      {"broker/core", {"broker/base"}, {"asio", "containers", "sockets", "threads"}},
      {"broker/routing", {"broker/base", "broker/mqtt", "broker/core"}, {"containers", "threads"}},
      {"broker/session",
       {"broker/base", "broker/mqtt", "broker/core", "broker/routing"},
       {"containers"}},
      {"broker/net",
       {"broker/base", "broker/core", "broker/mqtt/frame.h"},
       {"asio", "openssl", "wslay", "containers", "sockets", "threads", "disk"}},
      {"broker/auth",
       {"broker/base", "broker/mqtt", "broker/core"},
       {"openssl", "argon2", "jwt", "json", "yaml", "containers", "threads"}},
      {"broker/observe",
       {"broker/base", "broker/mqtt", "broker/core"},
       {"prometheus", "containers", "threads"}},
      {"broker/client",
       {"broker/base", "broker/mqtt", "broker/core", "broker/net"},
       {"asio", "openssl", "containers", "sockets", "threads", "disk"}},
      // roost passwd hashes as the broker does, roost serve starts the server, roost status asks
      // it, roost restore and inspect work on data directories.
      {"broker/cli",
       {"broker/base", "broker/mqtt", "broker/core", "broker/net", "broker/client", "broker/auth",
        "broker/admin", "broker/http/client.h", "broker/outgoing/topic_rules.h", "broker/server"},
       kAnything},
      {"broker/admin",
       {"broker/base", "broker/mqtt", "broker/core", "broker/net/socket.h", "broker/routing",
        "broker/session", "broker/gates", "storage"},
       {"json", "openssl", "threads", "disk"}},
      // Clients of other brokers and services, and of this one; nothing of its inside.
      {"broker/outgoing",
       {"broker/base", "broker/mqtt", "broker/core", "broker/net", "broker/auth/web_caller.h",
        "broker/client"},
       {"json", "openssl", "threads"}},
      {"broker/gates", kBelowServer, kAnything},
      {"broker/http", kBelowServer, kAnything},
      {"broker/server", kAll, kAnything},
      {"broker/main.cc", kAll, kAnything},
      {"storage", {"broker/base", "proto"}, {"rocksdb", "containers", "threads", "disk"}},
      // Pure, as the controller is: what the simulator runs.
      {"cluster/replication",
       {"broker/base", "cluster/coordinator.h", "cluster/shard_record.h"},
       {}},
      {"cluster/etcd", {"broker/base", "cluster/coordinator.h", "proto"}, {"grpc", "threads"}},
      // Links between nodes: with cluster/etcd the only place that knows gRPC.
      {"cluster/peer",
       {"broker/base", "cluster/peer_network.h", "cluster/replication/status.h", "proto"},
       {"grpc", "openssl", "sockets", "threads", "disk"}},
      {"cluster", {"broker/base", "storage"}, {"containers", "threads"}},
  };
  return kLayers;
}

// What kind a foreign header is of; plain std and C headers have none.
std::optional<std::string> kind_of(std::string_view header) {
  struct Kind {
    std::string name;
    Strings prefixes;
  };
  static const std::vector<Kind> kPrefixes = {
      {"asio", {"boost/asio"}},
      {"beast", {"boost/beast"}},
      {"json", {"boost/json"}},
      {"containers", {"boost/"}},
      {"openssl", {"openssl/"}},
      {"wslay", {"wslay/"}},
      {"argon2", {"argon2.h"}},
      {"jwt", {"jwt.h"}},
      {"yaml", {"yaml-cpp/"}},
      {"cli11", {"CLI/"}},
      {"spdlog", {"spdlog/"}},
      {"fmt", {"fmt/"}},
      {"prometheus", {"prometheus/"}},
      {"rocksdb", {"rocksdb/"}},
      {"grpc", {"grpc", "google/protobuf", "absl"}},
      {"sockets",
       {"sys/socket.h", "netinet/", "arpa/", "net/", "netdb.h", "sys/un.h", "sys/epoll.h",
        "sys/eventfd.h", "poll.h", "sys/uio.h"}},
      {"intrinsics", {"immintrin.h", "x86intrin.h", "xmmintrin.h", "emmintrin.h", "arm_neon.h"}},
      {"disk", {"fstream", "filesystem", "fcntl.h", "sys/stat.h"}},
  };
  static const Strings kThreads = {"thread",   "mutex",     "shared_mutex", "condition_variable",
                                   "future",   "semaphore", "barrier",      "latch",
                                   "pthread.h"};
  if (std::find(kThreads.begin(), kThreads.end(), header) != kThreads.end()) return "threads";
  for (const Kind& kind : kPrefixes) {
    if (starts_with_any(header, kind.prefixes)) return kind.name;
  }
  if (header.find('/') != std::string_view::npos && !header.starts_with("sys/") &&
      !header.starts_with("linux/") && !header.starts_with("sanitizer/")) {
    return "unknown";
  }
  return std::nullopt;
}

const Layer* layer_of(const std::string& path) {
  for (const Layer& layer : layers()) {
    if (path == layer.folder || path.starts_with(layer.folder + "/")) return &layer;
  }
  return nullptr;
}

bool contains(const Strings& list, const std::string& wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

bool may_include_ours(const Layer& layer, const std::string& target) {
  if (target.starts_with(layer.folder + "/")) return true;
  return std::any_of(layer.ours.begin(), layer.ours.end(), [&](const std::string& allowed) {
    return target == allowed || target.starts_with(allowed + "/");
  });
}

// Every include of the file that the table doesn't allow.
Strings layer_faults(const SourceFile& file) {
  const Layer* layer = layer_of(file.path);
  if (!layer) return {fault(file, 1, "stands in no folder of the layer table")};
  Strings faults;
  for (const Include& include : includes_of(file)) {
    if (include.quoted) {
      if (!starts_with_any(include.target, {"broker/", "storage/", "cluster/", "proto/"})) {
        faults.push_back(fault(file, include.line, "include from the repository's root"));
      } else if (!may_include_ours(*layer, include.target)) {
        faults.push_back(
            fault(file, include.line, layer->folder + " may not include " + include.target));
      }
      continue;
    }
    const auto kind = kind_of(include.target);
    if (kind && !contains(layer->others, *kind)) {
      faults.push_back(
          fault(file, include.line,
                layer->folder + " may not know <" + include.target + "> (" + *kind + ")"));
    }
  }
  return faults;
}

// May draw secrets at start: hash tables that strangers fill. What comes out doesn't depend on
// them.
const std::string kDrawsHashSecrets = "broker/routing/table_hash.cc";

// The inside gets its time as an argument, and draws no lots.
Strings clock_faults(const SourceFile& file) {
  Strings faults;
  if (!starts_with_any(
          file.path, {"broker/mqtt/", "broker/routing/", "broker/session/", "cluster/replication/",
                      "cluster/controller", "cluster/placement"})) {
    return faults;
  }
  for (size_t i = 0; i < file.lines.size(); ++i) {
    for (const char* call : {"_clock::now", "time(nullptr)", "random_device", "sleep_for"}) {
      const bool excused =
          file.path == kDrawsHashSecrets && std::string_view(call) == "random_device";
      if (!excused && file.lines[i].find(call) != std::string::npos) {
        faults.push_back(fault(file, static_cast<int>(i) + 1, std::string("reads ") + call));
      }
    }
  }
  return faults;
}

TEST(Layers, HoldInTheProduct) {
  const auto files = read_sources(product_folders());
  ASSERT_GT(files.size(), 5u) << "run from the repository's root";
  Strings faults;
  for (const SourceFile& file : files) {
    const Strings found = layer_faults(file);
    faults.insert(faults.end(), found.begin(), found.end());
  }
  EXPECT_TRUE(faults.empty()) << join(faults);
}

TEST(Layers, ThePureFoldersReadNoClock) {
  Strings faults;
  for (const SourceFile& file : read_sources(product_folders())) {
    const Strings found = clock_faults(file);
    faults.insert(faults.end(), found.begin(), found.end());
  }
  EXPECT_TRUE(faults.empty()) << join(faults);
}

TEST(Layers, AnUpwardIncludeIsAFault) {
  EXPECT_EQ(layer_faults(make_source("broker/mqtt/a.cc", "#include \"broker/session/b.h\"")).size(),
            1u);
  EXPECT_EQ(layer_faults(make_source("broker/base/a.h", "#include \"broker/core/b.h\"")).size(),
            1u);
  EXPECT_EQ(layer_faults(make_source("broker/net/a.h", "#include \"broker/mqtt/packet.h\"")).size(),
            1u);
}

TEST(Layers, ADownwardIncludeIsNone) {
  EXPECT_TRUE(layer_faults(make_source("broker/session/a.cc",
                                       "#include \"broker/mqtt/packet.h\"\n#include <vector>\n"))
                  .empty());
  EXPECT_TRUE(
      layer_faults(make_source("broker/net/a.h", "#include \"broker/mqtt/frame.h\"")).empty());
  EXPECT_TRUE(
      layer_faults(make_source("broker/main.cc", "#include \"broker/server/server.h\"")).empty());
}

TEST(Layers, PureFoldersKnowNoSocketThreadOrDisk) {
  for (const char* header : {"boost/asio/ip/tcp.hpp", "sys/socket.h", "netinet/tcp.h", "thread",
                             "mutex", "fstream", "openssl/ssl.h", "rocksdb/db.h"}) {
    for (const char* path : {"broker/mqtt/a.h", "broker/session/a.cc"}) {
      const auto file = make_source(path, std::string("# include <") + header + ">");
      EXPECT_EQ(layer_faults(file).size(), 1u) << path << " " << header;
    }
  }
  // Routing may hold a lock, and no more.
  for (const char* header : {"boost/asio/ip/tcp.hpp", "sys/socket.h", "fstream", "rocksdb/db.h"}) {
    const auto file = make_source("broker/routing/a.h", std::string("# include <") + header + ">");
    EXPECT_EQ(layer_faults(file).size(), 1u) << header;
  }
}

TEST(Layers, GrpcStandsNowhereButInTheEtcdClientAndThePeerLinks) {
  for (const char* header : {"grpcpp/channel.h", "grpc/grpc.h", "google/protobuf/message.h"}) {
    const std::string text = std::string("#include <") + header + ">";
    EXPECT_TRUE(layer_faults(make_source("cluster/etcd/a.cc", text)).empty());
    EXPECT_TRUE(layer_faults(make_source("cluster/peer/a.cc", text)).empty());
    for (const Layer& layer : layers()) {
      if (layer.folder == "cluster/etcd" || layer.folder == "cluster/peer") continue;
      EXPECT_EQ(layer_faults(make_source(layer.folder + "/a.cc", text)).size(), 1u) << layer.folder;
    }
  }
  const char* generated = "#include \"proto/coordinator.pb.h\"";
  EXPECT_EQ(layer_faults(make_source("cluster/replication/a.cc", generated)).size(), 1u);
}

TEST(Layers, AForeignLibraryNobodyListedIsAFault) {
  EXPECT_EQ(layer_faults(make_source("broker/server/a.cc", "#include <folly/x.h>")).size(), 1u);
  EXPECT_TRUE(layer_faults(make_source("broker/server/a.cc", "#include <sys/time.h>")).empty());
}

// In no folder's list: the same code runs on amd64 and arm64.
TEST(Layers, AnIntrinsicOfOneProcessorIsAFault) {
  EXPECT_EQ(layer_faults(make_source("broker/server/a.cc", "#include <immintrin.h>")).size(), 1u);
}

TEST(Layers, IncludesStartAtTheRepositorysRoot) {
  EXPECT_EQ(layer_faults(make_source("broker/mqtt/a.cc", "#include \"packet.h\"")).size(), 1u);
  EXPECT_EQ(layer_faults(make_source("broker/mqtt/a.cc", "#include \"../base/x.h\"")).size(), 1u);
}

TEST(Layers, AFolderNobodyPlannedIsAFault) {
  EXPECT_EQ(layer_faults(make_source("broker/utils/a.h", "")).size(), 1u);
}

TEST(Layers, AClockReadInsideIsAFault) {
  const char* text = "int f() {\n  return std::chrono::steady_clock::now();\n}\n";
  EXPECT_EQ(clock_faults(make_source("broker/session/a.cc", text)).size(), 1u);
  EXPECT_TRUE(clock_faults(make_source("broker/base/clock.cc", text)).empty());
}

}  // namespace
}  // namespace roost::tidy
