// SPDX-License-Identifier: Apache-2.0
#include "broker/server/explain_api.h"

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <utility>

#include "broker/gates/client_access.h"
#include "broker/mqtt/topic.h"
#include "broker/server/api_answer.h"
#include "broker/server/core_call.h"
#include "broker/server/node.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using auth::Right;
using Explanation = auth::Rules::Explanation;

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
      {"client", question.client_id},          {"connected", answer.is_connected},
      {"user", answer.identity.user_name},     {"listener", answer.identity.listener},
      {"address", answer.identity.address},    {"topic", question.topic},
      {"allowed", answer.explanation.allowed}, {"why", answer.explanation.why}};
}

}  // namespace

ExplainApi::ExplainApi(Node& node, Fleet& fleet) : node_(node), fleet_(fleet) {
  fleet.add("explain.acl", [this](const Fleet::Object& object) { return explain_here(object); });
}

std::vector<http::Route> ExplainApi::routes() {
  return {{"POST", "/api/v1/explain/acl",
           [this](const http::Request& request) { return explain_acl(request); }}};
}

Fleet::Told ExplainApi::explain_here(const Fleet::Object& object) {
  auto question = question_of(object);
  if (!question) return Unexpected(question.error());
  auto said = from_core<Answer>(
      core_of(node_, question->client_id),
      [asked = *question](NodeCore& core, const std::function<void(Result<Answer>)>& done) {
        done(answer_on_core(core, asked));
      });
  if (!said) return Unexpected(said.error());
  return json_of(*question, *said);
}

// Of the node that the client is connected to; else of this one.
http::Response ExplainApi::explain_acl(const http::Request& request) {
  const auto body = object_of(request);
  if (!body) return refusal({ErrorKind::invalid_argument, "the body must be an object"});
  const auto said = fleet_.ask_all("explain.acl", *body);
  if (!said.front().told) return refusal(said.front().told.error());
  const Fleet::Said* best = &said.front();
  for (const Fleet::Said& one : said) {
    if (one.told && one.told->at("connected").as_bool()) best = &one;
  }
  json::object result = best->told->as_object();
  result["node"] = best->node;
  result["connected_here"] = result.at("connected").as_bool() && best == &said.front();
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

}  // namespace roost::server
