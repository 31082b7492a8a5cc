// SPDX-License-Identifier: Apache-2.0
// The clients of a node of a cluster leave it one after the other.
// Thread: the one that stops the node.
#pragma once

namespace roost::server {

struct Node;

// At drain.rate: those whose sessions run here, then who is relayed; until none is left, for
// drain.timeout at most. Requires: the node is of a cluster, its cores run.
void send_off(Node& node);

}  // namespace roost::server
