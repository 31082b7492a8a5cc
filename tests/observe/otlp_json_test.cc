// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/otlp_json.h"

#include <gtest/gtest.h>

#include <string>

#include "broker/mqtt/utf8.h"
#include "broker/observe/span_queue.h"

namespace roost::observe {
namespace {

Span example() {
  Span span;
  span.trace = {0x4bf92f3577b34da6, 0xa3ce929d0e0e4736};
  span.id = 0xabc;
  span.parent = 0xf067aa0ba902b7;
  span.kind = Span::Kind::server;
  span.name = "publish";
  span.start_ns = 1'700'000'000'000'000'001;
  span.end_ns = 1'700'000'000'000'500'000;
  span.topic = "home/\"a\\\x01";
  span.client_id = "l\xc3\xa4mp";
  span.body_bytes = 12;
  span.qos = 1;
  return span;
}

// Field by field of https://github.com/open-telemetry/opentelemetry-proto, trace/v1/trace.proto.
TEST(OtlpJson, IsAnExportTraceServiceRequest) {
  Span failed = example();
  failed.parent = 0;
  failed.kind = Span::Kind::producer;
  failed.name = "deliver";
  failed.topic = "t";
  failed.client_id = "";
  failed.retain = failed.dup = true;
  failed.shard = 63;
  failed.fault = "not authorized";
  failed.reason = 0x87;
  const Span spans[] = {example(), failed};
  EXPECT_EQ(otlp_json({"roost", "n1", "0.1.0"}, spans),
            R"({"resourceSpans":[{"resource":{"attributes":[)"
            R"({"key":"service.name","value":{"stringValue":"roost"}},)"
            R"({"key":"service.instance.id","value":{"stringValue":"n1"}},)"
            R"({"key":"service.version","value":{"stringValue":"0.1.0"}}]},)"
            R"("scopeSpans":[{"scope":{"name":"roost","version":"0.1.0"},"spans":[)"
            R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"0000000000000abc",)"
            R"("parentSpanId":"00f067aa0ba902b7","name":"publish","kind":2,)"
            R"("startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000500000",)"
            R"("attributes":[{"key":"messaging.system","value":{"stringValue":"mqtt"}},)"
            R"({"key":"messaging.operation.name","value":{"stringValue":"publish"}},)"
            R"({"key":"messaging.destination.name","value":{"stringValue":"home/\"a\\\u0001"}},)"
            "{\"key\":\"messaging.client.id\",\"value\":{\"stringValue\":\"l\xc3\xa4mp\"}},"
            R"({"key":"messaging.message.body.size","value":{"intValue":"12"}},)"
            R"({"key":"mqtt.qos","value":{"intValue":"1"}},)"
            R"({"key":"mqtt.retain","value":{"boolValue":false}},)"
            R"({"key":"roost.node","value":{"stringValue":"n1"}}],"status":{}},)"
            R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"0000000000000abc",)"
            R"("name":"deliver","kind":4,)"
            R"("startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000500000",)"
            R"("attributes":[{"key":"messaging.system","value":{"stringValue":"mqtt"}},)"
            R"({"key":"messaging.operation.name","value":{"stringValue":"deliver"}},)"
            R"({"key":"messaging.destination.name","value":{"stringValue":"t"}},)"
            R"({"key":"messaging.message.body.size","value":{"intValue":"12"}},)"
            R"({"key":"mqtt.qos","value":{"intValue":"1"}},)"
            R"({"key":"mqtt.retain","value":{"boolValue":true}},)"
            R"({"key":"mqtt.dup","value":{"boolValue":true}},)"
            R"({"key":"roost.node","value":{"stringValue":"n1"}},)"
            R"({"key":"roost.shard","value":{"intValue":"63"}},)"
            R"({"key":"error.type","value":{"stringValue":"not authorized"}},)"
            R"({"key":"mqtt.reason_code","value":{"intValue":"135"}}],)"
            R"("status":{"code":2,"message":"not authorized"}}]}]}]})");
}

TEST(OtlpJson, LongTextsAreCutBetweenCharacters) {
  EXPECT_EQ(cut_text(std::string(kSpanTextMax, 'a')).size(), kSpanTextMax);
  std::string text = "x";
  while (text.size() <= kSpanTextMax) text += "\xe2\x82\xac";
  const std::string cut = cut_text(text);
  EXPECT_EQ(cut.size(), kSpanTextMax);  // 1 + 341 * 3
  EXPECT_TRUE(mqtt::is_valid_utf8(cut));
  EXPECT_EQ(cut_text("xx" + text).size(), kSpanTextMax - 1);
}

TEST(SpanQueue, DropsWhatIsOverItsSizeOrRateAndCountsIt) {
  SpanQueue queue(3, 2);
  for (int i = 0; i < 4; ++i) queue.push(example(), 1500);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.counters().over_rate, 2u);
  for (int i = 0; i < 2; ++i) queue.push(example(), 2000);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.counters().queue_full, 1u);
  EXPECT_EQ(queue.counters().over_rate, 2u);
  EXPECT_EQ(queue.take(2).size(), 2u);
  EXPECT_EQ(queue.take(9).size(), 1u);
  SpanQueue unbound(10, 0);
  for (int i = 0; i < 5; ++i) unbound.push(example(), 0);
  EXPECT_EQ(unbound.size(), 5u);
}

}  // namespace
}  // namespace roost::observe
