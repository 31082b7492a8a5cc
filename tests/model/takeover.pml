// SPDX-License-Identifier: Apache-2.0
// One shard on three replicas: R1 to R6 as cluster/replication and cluster/controller_election.cc
// have them, for every order of events up to EPOCHS elections and INDEXES records. Messages,
// transactions, crashes have no bound. Left to chance is what hangs on time or on who is alive: a
// step that the code takes for such a reason may be taken at any time here. Left out are trim,
// import, lineage, another min_in_sync. tests/model/run checks it; a variant (-DR5_...) breaks a
// rule, most as a patch in tests/simulation/mutants does. An ISR is a set of bits: 3 is {0, 1}.
#ifndef EPOCHS
#define EPOCHS 3
#endif
#ifndef INDEXES
#define INDEXES 3
#endif

// A record is the epoch that made it, + 8 if its leader had restarted in that epoch. 0: none.
#define EPOCH_OF(record) ((record) & 7)
#define AT(array, row, index) array[(row) * INDEXES + (index) - 1]
#define LOG(who, index) AT(log, who, index)
#define SENT(epoch, index) AT(sent, epoch, index)
#define IN(set, who) (((set) >> (who)) & 1)
#define SIZE(set) (IN(set, 0) + IN(set, 1) + IN(set, 2))

// The shard's record. One transaction of its leader may be on its way: the ISR that it proposes. A
// transaction on an older revision can't land any more, so that no revision has to be kept.
byte epoch_now, isr_now = 7, landing;
byte leader_of[EPOCHS + 1], isr_of[EPOCHS + 1];  // with which an epoch began

// A replica: its log, how much of it is on disk, what is on disk, the epoch that it has fsynced.
byte log[3 * INDEXES], last[3], synced[3], disk[3 * INDEXES], fenced[3];
// A leader of the epoch `fenced`: its no-op (0: doesn't lead), the ISR that it knows, the one that
// its open change proposes (0: none), what each member has acknowledged as fsynced. It knows that
// at once: late is the same as using it late.
byte no_op[3], seen[3], proposed[3], acked[9];
// The network: the log of an epoch's leader as sent, and its commit. What was sent stays, so that
// it comes late, twice, out of order, or never.
byte sent[(EPOCHS + 1) * INDEXES], sent_commit[EPOCHS + 1];

// What was promised: the committed records, how many of them each replica has applied, who commits
// in an epoch, the highest epoch that has served.
byte committed[INDEXES + 1], applied[3], committer[EPOCHS + 1], served;

// Names for the report. Then scratch, not part of the state.
hidden byte lost_ack, two_leaders, position_reused, diverged_apply, cut_commit, stale_read;
hidden byte i, j, count, common;

#define me _pid
#define EPOCH fenced[me]
#define SERVES (no_op[me] != 0 && (sent_commit[EPOCH] != 0 || SERVES_AT_ONCE))

#include "variants.pml"

inline stand_down(who) {
  no_op[who] = 0; seen[who] = 0; proposed[who] = 0;
  acked[who * 3] = 0; acked[who * 3 + 1] = 0; acked[who * 3 + 2] = 0
}

inline sync(who) {
  for (i : 1 .. INDEXES) { AT(disk, who, i) = LOG(who, i) }
  synced[who] = last[who]
}

// Fewer states: what is left of an epoch that nobody can take part in any more.
#define IS_PAST(who, epoch) (fenced[who] > epoch || \
  (who == leader_of[epoch] && fenced[who] == epoch && no_op[who] == 0))
inline forget_past() {
  for (j : 1 .. EPOCHS) {
    if
    :: NOTHING_RETURNS && IS_PAST(0, j) && IS_PAST(1, j) && IS_PAST(2, j) ->
      for (i : 1 .. INDEXES) { SENT(j, i) = 0 }
      sent_commit[j] = 0; committer[j] = 0; leader_of[j] = 0
    :: else
    fi
  }
}

// Ack: the position up to which an Append has fitted, as far as it is on disk. And what that
// Append says is committed is applied.
inline acknowledge(who) {
  common = 0;
  for (i : 1 .. last[who]) {
    if
    :: EPOCH_OF(LOG(who, i)) == EPOCH_OF(SENT(fenced[who], i)) || IGNORES_EPOCH(who, i) ->
      common = i;
      assert(position_reused || IGNORES_EPOCH(who, i) || LOG(who, i) == SENT(fenced[who], i))
    :: else
    fi
  }
  j = leader_of[fenced[who]];
  if
  :: fenced[who] != 0 && j != who && no_op[j] != 0 && fenced[j] == fenced[who] ->
    count = ACKNOWLEDGED(who, common);
    if :: count > acked[j * 3 + who] -> acked[j * 3 + who] = count :: else fi
  :: else
  fi;
  for (i : 1 .. last[who]) {
    if
    :: i <= common && i <= synced[who] && i <= sent_commit[fenced[who]] ->
      assert(diverged_apply || LOG(who, i) == committed[i]);
      if :: TRACKS_APPLIED && i > applied[who] -> applied[who] = i :: else fi
    :: else
    fi
  }
}

// R3: any member of the ISR, for any reason; of the others any may leave, not below two.
#define MAY_ELECT(isr) \
  (epoch_now < EPOCHS && (epoch_now > 0 || (me == 0 && isr != 5)) && IN(ELECTED_FROM, me) && \
   IN(isr, me) && (isr & ~ELECTED_FROM) == 0 && (isr == ELECTED_FROM || SIZE(isr) >= 2))
inline elect(isr) {
  epoch_now++;
  leader_of[epoch_now] = me; isr_of[epoch_now] = isr;
  isr_now = isr; landing = 0
}

// R3, R4: its own fence first, which syncs the log too; then its no-op. It needn't wait for
// anybody: who isn't fenced doesn't acknowledge.
#define MAY_LEAD(epoch) \
  (epoch <= epoch_now && leader_of[epoch] == me && LEADS_NOW(epoch) && last[me] < INDEXES)
inline lead(epoch) {
  stand_down(me);
  sync(me);
  count = RECORD_OF(epoch);
  seen[me] = isr_of[epoch];
  fenced[me] = epoch;
  for (i : 1 .. INDEXES) {
    assert(lost_ack || committed[i] == 0 || epoch < epoch_now || LOG(me, i) == committed[i])
  }
  last[me]++;
  no_op[me] = last[me];
  LOG(me, last[me]) = count;
  for (i : 1 .. INDEXES) { SENT(epoch, i) = LOG(me, i) }
  isr_of[epoch] = (KEEPS_ISR -> isr_of[epoch] : 0);
  forget_past();
  LED_AGAIN;
  if :: SERVES_AT_ONCE && epoch > served -> served = epoch :: else fi
}

// R1
#define MAY_FENCE(epoch) \
  (epoch <= EPOCHS && SENT(epoch, 1) != 0 && leader_of[epoch] != me && OBEYS(epoch))
inline fence(epoch) {
  stand_down(me);
  sync(me);
  fenced[me] = epoch;
  forget_past();
  acknowledge(me)
}

// An Append of one record: the one before fits. R4: cuts where its own differs.
#define MAY_APPEND(index) \
  (index <= INDEXES && leader_of[EPOCH] != me && SENT(EPOCH, index) != 0 && \
   last[me] >= index - 1 && (index == 1 || FITS(index - 1)) && DIFFERS(index))
inline append(index) {
  assert(cut_commit || index > applied[me]);
  for (i : index .. last[me]) {
    // One outside of the ISR may lose its copy to a deposed leader that it still follows.
    assert(cut_commit || LOG(me, i) != committed[i] || !IN(isr_now, me));
    LOG(me, i) = 0
  }
  LOG(me, index) = SENT(EPOCH, index);
  last[me] = index;
  if :: synced[me] >= index -> synced[me] = index - 1 :: else fi;
  acknowledge(me)
}

// The suffix that isn't on disk is lost, or what was cut is back. R3: it doesn't lead any more.
inline crash() {
  stand_down(me);
  LOSE_DISK;
  last[me] = 0;
  for (i : 1 .. INDEXES) {
    LOG(me, i) = AT(disk, me, i);
    if :: LOG(me, i) != 0 -> last[me] = i :: else fi
  }
  synced[me] = last[me];
  FORGET_FENCE;
  forget_past()
}

// R2: on the disks of all that count, its own too. R4: the no-op first.
#define NEXT_COMMIT (sent_commit[EPOCH] == 0 -> no_op[me] : sent_commit[EPOCH] + 1)
#define HAS(who, index) (who == me || !IN(COUNTED, who) || acked[me * 3 + (who)] >= index)
#define MAY_COMMIT (no_op[me] != 0 && NEXT_COMMIT <= OWN_SYNCED && ENOUGH_HAVE(NEXT_COMMIT) && \
  SIZE(seen[me]) >= 2 && (proposed[me] == 0 || SIZE(proposed[me]) >= 2))
inline commit() {
  sent_commit[EPOCH] = NEXT_COMMIT;
  count = me + 1 + (LOG(me, no_op[me]) & 8);
  assert(two_leaders || committer[EPOCH] == 0 || committer[EPOCH] == count);
  committer[EPOCH] = count;
  for (i : 1 .. sent_commit[EPOCH]) {
    if
    :: committed[i] == 0 ->
      assert(stale_read || EPOCH >= served);
      committed[i] = LOG(me, i)
    :: else -> assert(lost_ack || committed[i] == LOG(me, i))
    fi;
    for (j : 0 .. 2) {
      assert(lost_ack || no_op[j] == 0 || fenced[j] <= EPOCH || LOG(j, i) == committed[i])
    }
  }
  if
  :: TRACKS_APPLIED && applied[me] < sent_commit[EPOCH] -> applied[me] = sent_commit[EPOCH]
  :: else
  fi;
  if :: served < EPOCH -> served = EPOCH :: else fi
}

inline propose() {
  last[me]++;
  LOG(me, last[me]) = LOG(me, no_op[me]);
  SENT(EPOCH, last[me]) = LOG(me, last[me])
}

// R5, R6: whoever is silent out, but not below two, and in who has the commit and the no-op; also
// before the epoch serves. A transaction on an older revision only makes the leader wait.
#define READY(isr, who) (!IN(isr, who) || IN(seen[me], who) || IS_CAUGHT_UP(who))
#define MAY_CHANGE(isr) (no_op[me] != 0 && epoch_now == EPOCH && proposed[me] == 0 && \
  landing == 0 && isr != seen[me] && IN(isr, me) && SIZE(isr) >= 2 && \
  READY(isr, 0) && READY(isr, 1) && READY(isr, 2))

// The text is for who reads the way to a violation.
#define STEP(condition, text, number, event) \
  :: d_step { condition -> printf(text, me, number); event; skip }
#define ELECT(isr) STEP(MAY_ELECT(isr), "replica %d is elected, ISR %d\n", isr, elect(isr))
#define CHANGE(isr) \
  STEP(MAY_CHANGE(isr), "replica %d proposes ISR %d\n", isr, proposed[me] = isr; landing = isr)
#define APPEND(index) STEP(MAY_APPEND(index), "replica %d takes record %d\n", index, append(index))
#define EPOCH_EVENTS(epoch) \
  STEP(MAY_LEAD(epoch), "replica %d leads epoch %d\n", epoch, lead(epoch)) \
  STEP(MAY_FENCE(epoch), "replica %d follows epoch %d\n", epoch, fence(epoch))

active [3] proctype replica() {
  do
  ELECT(3) ELECT(5) ELECT(6) ELECT(7)
  CHANGE(3) CHANGE(5) CHANGE(6) CHANGE(7)
  EPOCH_EVENTS(1) EPOCH_EVENTS(2) EPOCH_EVENTS(3)
  APPEND(1) APPEND(2) APPEND(3) APPEND(4) APPEND(5)
  STEP(synced[me] < last[me], "replica %d syncs up to %d\n", last[me], sync(me); acknowledge(me))
  STEP(synced[me] < last[me] || no_op[me] != 0 || (FORGETS && fenced[me] != 0),
       "replica %d crashes, has synced %d\n", synced[me], crash())
  STEP(MAY_COMMIT, "replica %d commits up to %d\n", NEXT_COMMIT, commit())
  STEP(SERVES && last[me] < INDEXES, "replica %d appends record %d\n", last[me] + 1, propose())
  // A transaction lands, whether its leader still lives or not.
  STEP(me == 0 && landing != 0, "replica %d notes that the ISR becomes %d\n", landing,
       isr_now = landing; landing = 0)
  // R5: settled: it has landed, or the record written unchanged has won.
  STEP(proposed[me] != 0 && epoch_now == EPOCH, "replica %d learns that the ISR is %d\n", isr_now,
       landing = 0; seen[me] = isr_now; proposed[me] = 0)
  TAKEN_AS_FAILED
  od
}
