package checkout

import "time"

// The limits of a request. They bound the work that one caller can cause.
const (
	MaxLines    = 200     // lines of a cart, a checkout or a lock
	MaxQty      = 100_000 // units of one SKU
	MaxAttempts = 50      // payments of one order
	MaxRefunds  = 200     // refunds of one order
	MaxPrice    = 1 << 40 // minor units of one price, so that no total overflows
	MaxSKULen   = 64
)

// The times that the design fixes.
const (
	DefaultHoldTTL   = 15 * time.Minute
	PaymentExtension = 10 * time.Minute // the first initiate leaves at least this much of the hold
	ClosePatience    = 30 * time.Second // how long an ending order waits for its gateway
	LookUpInterval   = 5 * time.Second  // a confirm asks a gateway at most this often
	WebhookPatience  = 72 * time.Hour   // how long an unknown reference is retried
	TaskLease        = 60 * time.Second // more than twice the deadline of any call
)
