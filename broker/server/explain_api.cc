// SPDX-License-Identifier: Apache-2.0
#include "broker/server/explain_api.h"

#include <boost/json/value.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "broker/gates/client_access.h"
#include "broker/mqtt/topic.h"
#include "broker/server/api_answer.h"
#include "broker/server/node.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using auth::Right;
using Explanation = auth::Rules::Explanation;

constexpr std::chrono::seconds kCoreAnswersWithin{5};

struct Question {
  std::string client_id;
  Right right = Right::publish;
  bool retain = false;  // publish with RETAIN=1
  std::string topic;
  auth::Identity identity;  // of a client that isn't here
};

struct Answer {
  bool is_connected = false;
  auth::Identity identity;  // that was judged
  Explanation explanation;
};

Unexpected<Error> invalid(std::string what) {
  return error(ErrorKind::invalid_argument, std::move(what));
}

Result<Question> question_of(const json::object& body) {
  Question question;
  question.client_id = text_of(body, "client");
  question.topic = text_of(body, "topic");
  const std::string action = text_of(body, "action");
  if (action == "publish" || action == "retain") {
    question.right = Right::publish;
    question.retain = action == "retain";
  } else if (action == "subscribe") {
    question.right = Right::subscribe;
  } else if (action == "receive") {
    question.right = Right::receive;
  } else {
    return invalid("action is \"" + action + "\"; allowed are publish, subscribe, receive, retain");
  }
  const bool is_filter = question.right == Right::subscribe;
  const auto filter = mqtt::TopicFilter::parse(question.topic, UINT32_MAX);
  if (is_filter ? !filter : !mqtt::TopicName::parse(question.topic, UINT32_MAX)) {
    return invalid("\"" + question.topic + "\" is no topic " + (is_filter ? "filter" : "name"));
  }
  if (is_filter) question.topic = std::string(filter->text());
  question.identity.user_name = text_of(body, "user");
  question.identity.listener = text_of(body, "listener");
  question.identity.address = text_of(body, "address");
  question.identity.certificate_common_name = text_of(body, "common_name");
  const json::value* const groups = body.if_contains("groups");
  for (const json::value& group :
       groups != nullptr && groups->is_array() ? groups->get_array() : json::array()) {
    if (group.is_string()) question.identity.groups.emplace_back(group.get_string());
  }
  return question;
}

// By the rules of the node, or of the client's own.
template <typename Explain>
Explanation explain(const Question& question, Explain ask) {
  Explanation said = ask(question.right);
  if (!question.retain || !said.allowed) return said;
  Explanation retain = ask(Right::retain);
  return retain.allowed ? said : retain;
}

Answer answer_on_core(const NodeCore& core, const Question& question) {
  const session::Session* const live = core.sessions.live(question.client_id);
  const auto* const access =
      live == nullptr ? nullptr : dynamic_cast<const gates::ClientAccess*>(live->access());
  if (access != nullptr) {
    return {true, access->identity(),
            explain(question, [&](Right right) { return access->explain(right, question.topic); })};
  }
  const auth::RulesPtr& rules = core.gates.rules();
  if (rules == nullptr) {
    return {live != nullptr, question.identity, {true, "there are no rules: all is allowed"}};
  }
  return {false, question.identity, explain(question, [&](Right right) {
            return rules->explain(right, {question.client_id, question.identity}, question.topic);
          })};
}

json::value json_of(const Question& question, const Answer& answer) {
  return json::object{
      {"client", question.client_id},          {"connected_here", answer.is_connected},
      {"user", answer.identity.user_name},     {"listener", answer.identity.listener},
      {"address", answer.identity.address},    {"topic", question.topic},
      {"allowed", answer.explanation.allowed}, {"why", answer.explanation.why}};
}

}  // namespace

std::vector<http::Route> ExplainApi::routes() {
  return {{"POST", "/api/v1/explain/acl",
           [this](const http::Request& request) { return explain_acl(request); }}};
}

http::Response ExplainApi::explain_acl(const http::Request& request) {
  const auto body = object_of(request);
  if (!body) return refusal({ErrorKind::invalid_argument, "the body must be an object"});
  auto question = question_of(*body);
  if (!question) return refusal(question.error());
  const std::uint16_t shards = node_.config.shards;
  core::Core& core = node_.cores.of(shard_of(question->client_id, shards));
  auto told = std::make_shared<std::promise<Answer>>();
  std::future<Answer> answered = told->get_future();
  core.post([&on_core = *node_.on_core[core.id().value], told, asked = *question] {
    told->set_value(answer_on_core(on_core, asked));
  });
  if (answered.wait_for(kCoreAnswersWithin) != std::future_status::ready) {
    return refusal({ErrorKind::unavailable, "the core that has that client doesn't answer"});
  }
  return answer(json_of(*question, answered.get()));
}

}  // namespace roost::server
