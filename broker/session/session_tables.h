// SPDX-License-Identifier: Apache-2.0
// What the tables of a node share.
// Thread: limits and teller: before the cores start; else any core's.
// Owner: the server.
#pragma once

#include <vector>

#include "broker/session/limits.h"
#include "broker/session/retained_room.h"
#include "broker/session/teller.h"

namespace roost::session {

struct SessionTables {
  std::vector<class SessionTable*> tables;  // by core; filled before the cores start
  SessionLimits limits;
  RetainedRoom retained_room;
  const Teller* teller = nullptr;  // null: nobody wants to hear
};

}  // namespace roost::session
