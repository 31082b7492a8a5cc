# SPDX-License-Identifier: Apache-2.0
"""Compares what publishers were promised with what subscribers got.

- acknowledged => there, for every filter that was acknowledged before the message was sent;
- at QoS 2 exactly once; at QoS 1 twice only with DUP or when it was published twice;
- first receipts in the order of publishing; nothing that nobody published, nothing after UNSUBACK.
"""

from collections import defaultdict

SHOWN = 5


def matches(topic_filter, topic):
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for at, level in enumerate(wanted):
        if level == "#":
            return True
        if at >= len(levels) or level not in ("+", levels[at]):
            return False
    return len(wanted) == len(levels)


def _inside(spans, first, last):
    return any(begin < first and (end is None or last < end) for begin, end in spans)


def is_owed(subscriber, sent):
    """Whether the subscriber must get it: acknowledged while its filter was sure."""
    return sent.acked_at is not None and any(
        matches(w.filter, sent.topic) and _inside(w.on, sent.sent_at, sent.acked_at)
        for w in subscriber.wishes)


def is_unwanted(subscriber, sent, receipt):
    """Whether it must not have got it: no filter could match from before it was sent."""
    return all(not matches(w.filter, sent.topic) or _inside(w.off, sent.sent_at, receipt.at)
               for w in subscriber.wishes)


def owed(subscriber, publishers):
    """{(publisher, number)} that it still has to get."""
    have = {(r.publisher, r.number) for r in subscriber.receipts}
    return {(p.client_id, s.number) for p in publishers for s in p.sent
            if is_owed(subscriber, s) and (p.client_id, s.number) not in have}


def faults(subscribers, publishers):
    found = []
    for subscriber in subscribers:
        found += _lost(subscriber, publishers)
        found += _not_published(subscriber, publishers)
        found += _twice(subscriber, publishers)
        found += _out_of_order(subscriber, publishers)
    return found


def _listed(subscriber, what, items):
    return [] if not items else [
        f"{subscriber.client_id}: {len(items)} {what}: {items[:SHOWN]}"]


def _lost(subscriber, publishers):
    return _listed(subscriber, "acknowledged and lost", sorted(owed(subscriber, publishers)))


def _not_published(subscriber, publishers):
    by_id = {p.client_id: p for p in publishers}
    foreign, unwanted, refused = [], [], []
    for receipt in subscriber.receipts:
        publisher = by_id.get(receipt.publisher)
        key = (receipt.publisher, receipt.number)
        if publisher is None or receipt.number >= len(publisher.sent):
            foreign.append(key)
            continue
        sent = publisher.sent[receipt.number]
        if is_unwanted(subscriber, sent, receipt):
            unwanted.append(key)
        if sent.refused_at is not None and sent.acked_at is None and sent.times == 1:
            refused.append(key)
    return (_listed(subscriber, "that nobody published", foreign) +
            _listed(subscriber, "after UNSUBACK", unwanted) +
            _listed(subscriber, "that had been refused", refused))


def _twice(subscriber, publishers):
    by_id = {p.client_id: p for p in publishers}
    receipts = defaultdict(list)
    for receipt in subscriber.receipts:
        if receipt.publisher in by_id:
            receipts[receipt.publisher, receipt.number].append(receipt)
    doubled, unmarked = [], []
    for key, all_of_it in receipts.items():
        if len(all_of_it) == 1:
            continue
        sent = by_id[key[0]].sent[key[1]]
        copies = sent.times if by_id[key[0]].qos == 1 else 1
        if all_of_it[0].qos == 2:
            doubled.append(key)
        elif sum(1 for r in all_of_it if not r.dup) > copies:
            unmarked.append((key, [(r.connection, r.dup) for r in all_of_it]))
    return (_listed(subscriber, "twice at QoS 2", doubled) +
            _listed(subscriber, "twice at QoS 1 without DUP", unmarked))


def _came_by_a_later_filter(subscriber, publisher, receipt):
    """Published twice, and the filter that brought it was not sure the first time: behind newer
    ones of other topics, and rightly so."""
    if publisher is None or receipt.number >= len(publisher.sent):
        return False
    sent = publisher.sent[receipt.number]
    return sent.times > 1 and not any(
        matches(w.filter, sent.topic) and _inside(w.on, sent.sent_at, receipt.at)
        for w in subscriber.wishes)


def _out_of_order(subscriber, publishers):
    by_id = {p.client_id: p for p in publishers}
    newest, seen, wrong = {}, set(), []
    for receipt in subscriber.receipts:
        key = (receipt.publisher, receipt.number)
        if key in seen:
            continue
        seen.add(key)
        late = receipt.number < newest.get(receipt.publisher, -1)
        if late and not _came_by_a_later_filter(subscriber, by_id.get(receipt.publisher), receipt):
            wrong.append((key, "after", newest[receipt.publisher]))
        newest[receipt.publisher] = max(receipt.number, newest.get(receipt.publisher, -1))
    return _listed(subscriber, "out of order", wrong)
