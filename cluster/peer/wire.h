// SPDX-License-Identifier: Apache-2.0
// One stream of envelopes in both directions, whichever side opened it. What is begun ends with one
// event; no event comes from inside the call that begins it.
// Thread: any, one read and one write at a time; events of one wire may come at the same time.
// Owner: itself; it is gone when on_gone() comes.
#pragma once

#include <string>
#include <vector>

#include "proto/peer.pb.h"

namespace roost::cluster::peer {

namespace pb = ::roost::peer;

class Wire {
 public:
  // The envelope must live until the event.
  virtual void read(pb::Envelope& into) = 0;
  virtual void write(const pb::Envelope& envelope) = 0;
  // What is under way fails soon.
  virtual void cancel() = 0;
  // Nothing is begun any more. Requires: no write is under way.
  virtual void finish() = 0;
  // Whether the other side may call itself this: by its certificate, where there is TLS.
  virtual bool is_named(const std::string& name) const = 0;

 protected:
  ~Wire() = default;
};

class WireEvents {
 public:
  virtual void on_read(bool is_ok) = 0;
  virtual void on_written(bool is_ok) = 0;
  virtual void on_cancelled() = 0;  // by the other side or the network
  // The last one, after finish() and the ends of all that was begun.
  virtual void on_gone(const std::string& why) = 0;

 protected:
  ~WireEvents() = default;
};

}  // namespace roost::cluster::peer
