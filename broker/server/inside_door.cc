// SPDX-License-Identifier: Apache-2.0
#include "broker/server/inside_door.h"

#include <pthread.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "broker/server/node.h"

namespace roost::server {

namespace {

constexpr CoreId kNoNodeCore{1000};

}  // namespace

InsideDoor::InsideDoor(Node& node) : node_(node), core_(kNoNodeCore, node.clock) {
  const MqttConfig& mqtt = node.config.mqtt;
  listener_.name = kListener;
  listener_.authenticator = &everybody_;
  listener_.limits = mqtt.limits();
  listener_.connect_timeout_ms = mqtt.connect_timeout_ms;
  listener_.is_inside = true;
}

// "core N" is the name of the node's threads.
void InsideDoor::start() {
  core_.start();
  const auto named = std::make_shared<std::promise<void>>();
  core_.post([named] {
    ::pthread_setname_np(::pthread_self(), "api");
    named->set_value();
  });
  named->get_future().wait();
}

std::size_t InsideDoor::node_cores() const { return node_.on_core.size(); }

bool InsideDoor::is_open() const { return node_.ready.load(); }

Result<net::DetachedConnection> InsideDoor::connect(std::size_t node_core) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    return error(ErrorKind::resource_exhausted,
                 std::string("no connection inside: ") + std::strerror(errno));
  }
  net::DetachedConnection mine, theirs;
  mine.fd = ends[0];
  theirs.fd = ends[1];
  for (net::DetachedConnection* one : {&mine, &theirs}) {
    one->peer.address = kListener;
    one->peer.is_loopback = true;
  }
  gates::Gates& gates = node_.on_core[node_core]->gates;
  gates.core().post([&gates, &listener = listener_, moved = std::move(theirs)]() mutable {
    gates.net_counters().connections_opened.add();
    gates.accept(listener, std::move(moved));
  });
  return mine;
}

}  // namespace roost::server
