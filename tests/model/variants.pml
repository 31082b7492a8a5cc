// SPDX-License-Identifier: Apache-2.0
// The steps of takeover.pml as the rules want them, and how a broken variant takes them.

#ifdef RULES_APPLIED  // that no replica cuts what it has applied: twice as many states
#define TRACKS_APPLIED 1
#else
#define TRACKS_APPLIED 0
#endif

#ifdef R1_FORGOTTEN  // the highest epoch isn't kept over a restart
#define FORGET_FENCE fenced[me] = 0
#else
#define FORGET_FENCE skip
#endif

#ifdef R1_OLDER  // a follower obeys whoever comes
#define OBEYS(epoch) (fenced[me] != epoch)
#else
#define OBEYS(epoch) (fenced[me] < epoch)
#endif

#if defined(R2_EARLY)  // acknowledged before it is on disk
#define ACKNOWLEDGED(who, common) common
#elif defined(R4_COMMON)  // the whole log is acknowledged, not what is common
#define ACKNOWLEDGED(who, common) synced[who]
#else
#define ACKNOWLEDGED(who, common) (common < synced[who] -> common : synced[who])
#endif

#ifdef R2_LEADER  // the leader's own disk isn't waited for
#define OWN_SYNCED last[me]
#else
#define OWN_SYNCED synced[me]
#endif

#ifdef R2_MAJORITY  // most of those that count are enough
#define HAVE(who, index) (IN(COUNTED, who) && HAS(who, index))
#define ENOUGH_HAVE(index) \
  (2 * (HAVE(0, index) + HAVE(1, index) + HAVE(2, index)) > SIZE(COUNTED))
#else
#define ENOUGH_HAVE(index) (HAS(0, index) && HAS(1, index) && HAS(2, index))
#endif

#if defined(R3_ANY)  // anybody is elected
#define ELECTED_FROM (isr_now | (1 << me))
#elif defined(R3_UNCONDITIONAL)  // what changed the record since the last election is overwritten
#define ELECTED_FROM (epoch_now == 0 -> isr_now : isr_of[epoch_now])
#else
#define ELECTED_FROM isr_now
#endif

#ifdef R3_AGAIN  // leadership survives a restart
#define LEADS_NOW(epoch) (fenced[me] < epoch || (fenced[me] == epoch && no_op[me] == 0))
#define RECORD_OF(epoch) (fenced[me] == epoch -> epoch | 8 : epoch)
#define LED_AGAIN acknowledge(0); acknowledge(1); acknowledge(2)
#else
#define LEADS_NOW(epoch) (fenced[me] < epoch)
#define RECORD_OF(epoch) epoch
#define LED_AGAIN skip
#endif

#ifdef R4_AT_ONCE  // serves before its no-op is committed
#define SERVES_AT_ONCE 1
#else
#define SERVES_AT_ONCE 0
#endif

#ifdef R4_SUFFIX  // a follower takes its own record for the leader's where the index is the same
#define IGNORES_EPOCH(who, index) (SENT(fenced[who], index) != 0)
#define FITS(index) 1
#define DIFFERS(index) (LOG(me, index) == 0)
#else
#define IGNORES_EPOCH(who, index) 0
#define FITS(index) (EPOCH_OF(LOG(me, index)) == EPOCH_OF(SENT(EPOCH, index)))
#define DIFFERS(index) (EPOCH_OF(LOG(me, index)) != EPOCH_OF(SENT(EPOCH, index)))
#endif

#if defined(R5_JOINER)  // counts only when its transaction is seen to be done
#define COUNTED seen[me]
#elif defined(R5_DROPPED)  // counts no more from the moment of sending
#define COUNTED (proposed[me] != 0 -> proposed[me] : seen[me])
#else
#define COUNTED (seen[me] | proposed[me])
#endif

#if defined(R5_BEHIND)  // whoever wants to comes in
#define IS_CAUGHT_UP(who) 1
#elif defined(R5_COMMIT_ONLY)  // the commit will do, which is not known before the no-op's
#define IS_CAUGHT_UP(who) (acked[me * 3 + who] >= sent_commit[EPOCH])
#else
#define IS_CAUGHT_UP(who) \
  (acked[me * 3 + who] >= no_op[me] && acked[me * 3 + who] >= sent_commit[EPOCH])
#endif

#ifdef R5_UNKNOWN  // a transaction without an answer is taken as failed
#define TAKEN_AS_FAILED \
  STEP(proposed[me] != 0, "replica %d gives up its change to %d\n", proposed[me], proposed[me] = 0)
#else
#define TAKEN_AS_FAILED
#endif

#ifdef R7_EMPTY  // an empty disk is taken for the replica that it was
#define LOSE_DISK for (i : 1 .. INDEXES) { AT(disk, me, i) = 0 }
#else
#define LOSE_DISK skip
#endif

// Whether a crash changes more than what is lost in memory, and what may come back after it.
#if defined(R1_FORGOTTEN) || defined(R7_EMPTY)
#define FORGETS 1
#else
#define FORGETS 0
#endif
#if defined(R1_FORGOTTEN) || defined(R1_OLDER) || defined(R3_AGAIN) || defined(R3_UNCONDITIONAL)
#define NOTHING_RETURNS 0
#else
#define NOTHING_RETURNS 1
#endif
#define KEEPS_ISR (!NOTHING_RETURNS)
