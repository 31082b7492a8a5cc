// SPDX-License-Identifier: Apache-2.0
// Inside record_codec: the fields of each record in the order in which they are written, for
// PackedWriter and PackedReader alike. A field that a later version adds goes to the end, and is
// read only where bytes are left.
// Thread: any thread (pure).
#pragma once

#include "broker/session/packed.h"
#include "broker/session/packed_parts.h"
#include "broker/session/record.h"

namespace roost::session {

template <typename Form>
void fields(Form& form, In<Form, StartedRecord>& record) {
  form.time(record.now_ms);
  form.time(record.wall_ms);
  limits(form, record);
}

template <typename Form>
void fields(Form& form, In<Form, TickRecord>& record) {
  form.time(record.now_ms);
  form.time(record.wall_ms);
}

template <typename Form>
void fields(Form& form, In<Form, PublishedRecord>& record) {
  source(form, record.source);
  form.message(record.message);
}

template <typename Form>
void fields(Form& form, In<Form, AssignedRecord>& record) {
  source(form, record.source);
  form.text(record.client_id);
  form.text(record.share);
  form.message(record.message);
}

template <typename Form>
void fields(Form& form, In<Form, GatheredRecord>& record) {
  form.text(record.client_id);
  generation(form, record.generation);
  form.list(record.entries, [](Form& each, auto& entry) {
    each.number(entry.subscription_id);
    each.choice(entry.qos, mqtt::Qos::exactly_once);
    each.message(entry.message);
  });
  form.flag(record.last);
}

template <typename Form>
void fields(Form& form, In<Form, RetainedRecord>& record) {
  source(form, record.source);
  form.message(record.message);
}

template <typename Form>
void fields(Form& form, In<Form, AttachedRecord>& record) {
  form.text(record.client_id);
  generation(form, record.generation);
  form.time(record.now_ms);
  form.flag(record.clean_start);
  form.flag(record.durable);
  form.number(record.expiry_s);
  form.number(record.receive_maximum);
  form.optional(record.will, [](Form& each, auto& will) {
    each.number(will.delay_s);
    each.message(will.message);
  });
}

template <typename Form>
void fields(Form& form, In<Form, DetachedRecord>& record) {
  form.text(record.client_id);
  generation(form, record.generation);
  form.time(record.now_ms);
  form.number(record.expiry_s);
  form.number(record.sent_before);
  form.choice(record.will, DetachedRecord::WillFate::discarded);
}

template <typename Form>
void fields(Form& form, In<Form, EndedRecord>& record) {
  form.text(record.client_id);
  form.choice(record.why, EndedRecord::Why::removed);
}

template <typename Form>
void fields(Form& form, In<Form, WillFiredRecord>& record) {
  form.text(record.client_id);
  generation(form, record.generation);
}

template <typename Form>
void fields(Form& form, In<Form, SubscribedRecord>& record) {
  form.text(record.client_id);
  generation(form, record.generation);
  form.number(record.subscription_id);
  form.list(record.entries, [](Form& each, auto& entry) {
    each.text(entry.filter);
    options(each, entry.options);
  });
}

template <typename Form>
void fields(Form& form, In<Form, UnsubscribedRecord>& record) {
  form.text(record.client_id);
  generation(form, record.generation);
  form.list(record.filters, kEachText);
}

template <typename Form>
void fields(Form& form, In<Form, AckedRecord>& record) {
  form.text(record.client_id);
  generation(form, record.generation);
  form.sequences(record.finished);
  form.sequences(record.received);
}

template <typename Form>
void fields(Form& form, In<Form, ReceivedRecord>& record) {
  form.text(record.client_id);
  generation(form, record.generation);
  form.number(record.packet_id);
  form.message(record.message);
}

template <typename Form>
void fields(Form& form, In<Form, ReleasedRecord>& record) {
  form.text(record.client_id);
  generation(form, record.generation);
  form.sequences(record.packet_ids);
}

template <typename Form>
void fields(Form& form, In<Form, ForwardedRecord>& record) {
  form.number(record.through);
}

template <typename Form>
void fields(Form& form, In<Form, ToldRecord>& record) {
  form.message(record.message);
}

}  // namespace roost::session
