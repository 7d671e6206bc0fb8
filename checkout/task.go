package checkout

import "time"

// TaskKind names the work of a task.
type TaskKind string

// The kinds of task. Which step of the saga each belongs to is in package saga.
const (
	TaskInitiate     TaskKind = "initiate_payment" // create the attempt at its gateway
	TaskLookUp       TaskKind = "look_up_payment"  // ask the gateway for the truth
	TaskClose        TaskKind = "close_payment"    // end an open attempt
	TaskCapture      TaskKind = "capture_payment"  // take authorised money
	TaskVoid         TaskKind = "void_payment"     // give authorised money free
	TaskRefund       TaskKind = "refund_payment"   // give captured money back
	TaskLookUpRefund TaskKind = "look_up_refund"   // ask how a refund ended
	TaskWebhook      TaskKind = "retry_webhook"    // find the payment of a stored webhook
	TaskAttend       TaskKind = "needs_attention"  // nothing to run: an operator must look
)

// Task is work that a committed decision owes. It is a row, so that another
// process can do it after a crash. Its ID is the id of what it works on, because
// a payment, a refund, an order or a webhook owes one thing at a time.
type Task struct {
	ID          ID
	Kind        TaskKind
	OrderID     ID
	DueAt       time.Time
	Attempts    int // finished runs that did not end the task
	LeaseID     ID  // who runs it, zero where nobody does
	LeasedUntil time.Time
	Attention   bool   // it is not run again until an operator decides
	LastError   string // never a secret
	CreatedAt   time.Time
}
