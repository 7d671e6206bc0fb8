package audit

import (
	"kassa/checkout"
)

// rule is a law with the function that judges one row by it. Exactly one of the
// functions is set, but for laws whose rows are judged across each other. Each
// returns what is wrong with the row, "" where nothing is.
type rule struct {
	Law
	level   func(*stock) string
	account func(*account) string
	hold    func(*view, *checkout.Hold) string
	order   func(*view, *checkout.Order) string
	payment func(*view, *checkout.Order, *checkout.Payment) string
	refund  func(*view, *checkout.Order, *checkout.Refund) string
	webhook func(*view, *checkout.WebhookRecord) string
	task    func(*view, checkout.Task) string
	needs   func(Options) bool // whether it can be checked; nil: always
}

// The laws that are judged across rows.
const (
	stockGate     = "stock.gate"
	onceCart      = "once.cart"
	onceCharge    = "once.charge"
	onceInvoice   = "once.invoice"
	moneyGateway  = "money.gateway"
	truthPosition = "truth.position"
	truthOrder    = "truth.order"
	truthBatches  = "truth.batches"
)

// rules are all laws, in the order of a report.
var rules = []rule{
	{Law: Law{"stock", "levels", "received = available + locked + deducted − restocked"}, level: balanced},
	{Law: Law{"stock.negative", "levels", "no quantity is below zero, and no more is restocked than was deducted"}, level: notNegative},
	{Law: Law{"stock.locked", "levels", "locked = the sum of open holds of sessions and orders"}, account: lockedByHolds},
	{Law: Law{"stock.received", "levels", "received = the sum of recorded adjustments"}, level: receivedByRecord},
	{Law: Law{"stock.deducted", "levels", "deducted and restocked = what orders have claimed and given back"}, account: deductedByOrders},
	{Law: Law{"stock.hold", "orders", "an order that waits holds its stock, a paid one has claimed it, an ended one holds none"}, order: holdFitsStatus},
	{Law: Law{"stock.lines", "orders", "an order's allocations are exactly the units of its lines"}, order: linesAllocated},
	{Law: Law{stockGate, "products", "the admission gate says of each product what the database has for sale"}, needs: func(o Options) bool { return o.Gate != nil }},

	{Law: Law{"money.quote", "orders", "an order's lines, discounts, shipping and taxes add up to its amount"}, order: quoteAddsUp},
	{Law: Law{"money.secured", "orders", "a confirmed order has exactly its amount secured by one payment"}, order: secured},
	{Law: Law{"money.captured", "payments", "money is captured by payments that succeeded, and by no other"}, payment: capturedBySuccess},
	{Law: Law{"money.placed", "payments", "captured money belongs to a confirmed order, is refunded or being refunded, or an operator decides"}, payment: placed},
	{Law: Law{"money.committed", "payments", "what is committed to refunds = the sum of refunds that did not fail, up to the capture"}, payment: committed},
	{Law: Law{"money.limit", "payments", "the refunds that we asked for never exceed the capture, or an operator decides"}, payment: withinCapture},
	{Law: Law{"money.refund", "refunds", "a refund is of a payment of its order and in its currency"}, refund: ofItsPayment},
	{Law: Law{"money.state", "orders", "a paid order's status agrees with the sum of succeeded refunds"}, order: statusFitsRefunds},
	{Law: Law{moneyGateway, "payments", "our ledger equals the gateway's"}, needs: func(o Options) bool { return o.Gateway != nil }},

	{Law: Law{onceCart, "carts", "a cart has at most one live order, and its last order is the one that none supersedes"}},
	{Law: Law{"once.attempt", "orders", "at most one attempt to pay an order is open that no other superseded"}, order: oneAttempt},
	{Law: Law{"once.key", "orders", "an order's attempts have different idempotency keys"}, order: differentKeys},
	{Law: Law{onceCharge, "payments", "no charge of a gateway stands in two payments"}},
	{Law: Law{"once.webhook", "webhook events", "a webhook event is stored once, and applied where its payment is known"}, webhook: appliedOnce},
	{Law: Law{onceInvoice, "orders", "every order that was confirmed has an invoice number of its own: 1 to the counter of its series, without a gap"}},

	{Law: Law{"progress.state", "orders", "an order is in a state that a step of its saga leads to"}, order: stateReached},
	{Law: Law{"progress.saga", "orders", "no order waits for its payment past the end of its hold"}, order: notOverdue, needs: holdsWatched},
	{Law: Law{"progress.payment", "payments", "an open payment has a task, or waits for its shipment"}, payment: paymentHasTask},
	{Law: Law{"progress.refund", "refunds", "a pending refund has a task"}, refund: refundHasTask},
	{Law: Law{"progress.webhook", "webhook events", "a webhook event that waits for its payment has a task"}, webhook: webhookHasTask},
	{Law: Law{"progress.task", "tasks", "no task that is due waits for a worker"}, task: notForgotten, needs: func(o Options) bool { return o.TaskGrace >= 0 }},
	{Law: Law{"progress.subject", "tasks", "a task works on a payment, a refund, an order or a webhook event that is there"}, task: hasSubject},
	{Law: Law{"progress.hold", "holds", "no session's hold outlives its time"}, hold: notOutlived, needs: holdsWatched},

	{Law: Law{truthPosition, "batches", "the log's positions run from 1 to the counter without a gap"}},
	{Law: Law{truthOrder, "orders", "an order's events are numbered without a gap, in the order of commits"}},
	{Law: Law{truthBatches, "orders", "an order names exactly the batches that hold its events"}},
}

func holdsWatched(o Options) bool { return o.HoldGrace >= 0 }

// Laws lists every law, in the order of a report.
func Laws() []Law {
	list := make([]Law, len(rules))
	for i, r := range rules {
		list[i] = r.Law
	}
	return list
}
