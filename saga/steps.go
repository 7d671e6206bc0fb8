package saga

import (
	"math"
	"time"

	"kassa/checkout"
)

// Class says what a step's failure leads to.
type Class string

// The classes. Before the pivot a business refusal undoes what was done; after
// it the saga only goes forward, by retries, and what can never succeed needs an
// operator or a refund.
const (
	Compensatable Class = "compensatable"
	Pivot         Class = "pivot"
	Retriable     Class = "retriable"
)

// Step is one line of the saga.
type Step struct {
	Name         string
	Class        Class
	Task         checkout.TaskKind // who does it at a gateway; "" where it is a row in the commit
	Compensation string            // what undoes it
	Undo         checkout.TaskKind // the compensation's task, where it needs a gateway
}

// Steps is the saga of one order, from top to bottom. Technical failure delays
// and retries a step; only a business refusal walks back up through the
// compensations, each of which accepts that its work is already done.
var Steps = []Step{
	{Name: "hold stock", Class: Compensatable, Compensation: "release stock"},
	{Name: "create order", Class: Compensatable, Compensation: "expire or cancel order"},
	{Name: "initiate payment", Class: Compensatable, Task: checkout.TaskInitiate, Compensation: "close payment", Undo: checkout.TaskClose},
	{Name: "learn outcome", Class: Compensatable, Task: checkout.TaskLookUp, Compensation: "close payment", Undo: checkout.TaskClose},
	{Name: "payment succeeds", Class: Pivot, Compensation: "refund payment", Undo: checkout.TaskRefund},
	{Name: "claim stock", Class: Retriable, Compensation: "restock"},
	{Name: "confirm order", Class: Retriable},
	{Name: "number invoice", Class: Retriable},
	{Name: "capture payment", Class: Retriable, Task: checkout.TaskCapture, Compensation: "void payment", Undo: checkout.TaskVoid},
	{Name: "close payment", Class: Retriable, Task: checkout.TaskClose},
	{Name: "void payment", Class: Retriable, Task: checkout.TaskVoid},
	{Name: "refund payment", Class: Retriable, Task: checkout.TaskRefund},
	{Name: "learn refund", Class: Retriable, Task: checkout.TaskLookUpRefund},
	{Name: "find webhook's payment", Class: Retriable, Task: checkout.TaskWebhook},
}

// StepOf finds the step that a kind of task does.
func StepOf(kind checkout.TaskKind) (Step, bool) {
	for _, s := range Steps {
		if s.Task != "" && s.Task == kind {
			return s, true
		}
	}
	return Step{}, false
}

// Retry says when a failed call is tried again.
type Retry struct {
	Base  time.Duration // first pause, before jitter
	Cap   time.Duration // longest pause
	Limit int           // runs, after which an operator is needed
}

// Backoff is the policy for calls that act: 1 s, 2 s, 4 s … 5 min with full
// jitter, 15 runs, which is about half an hour.
var Backoff = Retry{Base: time.Second, Cap: 5 * time.Minute, Limit: 15}

// Pause is the n-th pause (from 0), drawn evenly from (0, min(Cap, Base·2ⁿ)] by
// 62 random bits: full jitter, so that many failures do not return together.
func (r Retry) Pause(n int, random uint64) time.Duration {
	longest := r.Cap
	if n < 32 {
		longest = min(r.Cap, r.Base<<n)
	}
	share := float64(random%(1<<32)+1) / math.Exp2(32)
	return max(time.Duration(float64(longest)*share), 50*time.Millisecond)
}

// lookUpSchedule is when an open payment or refund is asked about, after it began:
// close together while a buyer may wait, then at each full hour of its first day,
// then at each full day of its first week (the sweep that Stripe's life cycle asks
// for; Paytm's ends in 72 h).
var lookUpSchedule = []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// unknownSchedule is the pauses before the first look-ups of an attempt whose call
// was not answered: nobody can pay by another way before it is known.
var unknownSchedule = []time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// lookUpPause is the pause until something of an age is asked about again, and
// whether it is at all. It goes by age and not by count, because a waiting buyer's
// confirms ask in between; a look-up that would follow at once is left out.
func lookUpPause(age time.Duration) (time.Duration, bool) {
	soonest := age + checkout.LookUpInterval
	for _, at := range lookUpSchedule {
		if soonest <= at {
			return at - age, true
		}
	}
	unit := time.Hour
	if soonest > day {
		unit = day
	}
	at := (soonest + unit - 1).Truncate(unit)
	return at - age, at <= week
}
