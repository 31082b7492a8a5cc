// SPDX-License-Identifier: Apache-2.0
// Records and stored values as text with every field in it, so that tests can compare and print
// them. Written apart from the codec: a field forgotten there is seen here.
// Thread: any thread (pure).
#pragma once

#include <string>

#include "broker/session/record.h"
#include "broker/session/state_codec.h"
#include "broker/session/stored.h"

namespace roost::session {

std::string text_of(const routing::MessagePtr& message);
std::string text_of(const Record& record);
std::string text_of(const StoredHeader& header);
std::string text_of(const StoredFilters& filters);
std::string text_of(const StoredClock& clock);
std::string text_of(const StoredSweep& sweep);
std::string text_of(const StoredSeenFrom& seen);
std::string text_of(const StoredSeen& seen);
std::string text_of(const StoredWill& will);
std::string text_of(const StoredEntry& entry);
std::string text_of(const StoredBody& body);

}  // namespace roost::session
