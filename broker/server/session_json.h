// SPDX-License-Identifier: Apache-2.0
// Sessions and messages as the API says them, and the questions about them as it reads them.
// Thread: any thread (pure).
#pragma once

#include <boost/json/object.hpp>

#include <optional>
#include <string>

#include "broker/base/result.h"
#include "broker/http/query.h"
#include "broker/routing/message.h"
#include "broker/session/queue_view.h"
#include "broker/session/session_view.h"

namespace roost::server {

// Parameters of GET /api/v1/sessions, also as they travel between nodes. Errors: invalid_argument.
Result<session::SessionQuery> session_query_of(const http::Query& query);
boost::json::object json_of(const session::SessionQuery& query);
session::SessionQuery session_query_of(const boost::json::object& object);

boost::json::object json_of(const session::SessionView& view, const std::string& node);
boost::json::object json_of(const session::SessionPlace& place);
session::SessionPlace place_of(const boost::json::object& object);
// "RANK:CLIENT ID", what `cursor` is.
std::string cursor_of(const session::SessionPlace& place);

// Topic, QoS and so on; with `payload_max` bytes of the payload: "payload" where that is UTF-8,
// else "payload_base64", and "payload_cut" where it was longer.
boost::json::object json_of(const session::QueuedMessage& message, SteadyMs now_ms,
                            std::size_t payload_max);
void put_payload(boost::json::object& object, ByteView payload, std::size_t payload_max);

}  // namespace roost::server
