// Package store is the port to the database: what the engine loads and saves in
// one transaction, and the narrow reads that answer queries. It must not know
// the rules of checkout, gateways or HTTP: rows go in and out with absolute
// values, and the database's constraints are the last guard.
package store

import (
	"context"
	"errors"
	"time"

	"kassa/checkout"
	"kassa/saga"
)

// The errors that every store answers with, wrapped.
var (
	// ErrNotFound: no row has that key.
	ErrNotFound = errors.New("not found")
	// ErrRetry: the transaction was rolled back for a reason that a repeat may
	// not meet: a deadlock, a serialisation failure, a natural key that another
	// process claimed meanwhile.
	ErrRetry = errors.New("transaction must be repeated")
	// ErrUnavailable: the database cannot be reached, and nothing was written.
	ErrUnavailable = errors.New("database is unavailable")
	// ErrUnknownCommit: the connection broke between the commit and its answer.
	// Fence tells what became of it.
	ErrUnknownCommit = errors.New("outcome of the commit is unknown")
	// ErrOwned: the transaction was rolled back because somebody else owns the
	// database's rows: see Own.
	ErrOwned = errors.New("another engine owns the rows")
	// ErrSchema: the database's schema is not the one this binary was built for.
	ErrSchema = errors.New("schema does not fit this version")
	// ErrLocked: another process serves this database and it allows only one.
	ErrLocked = errors.New("another process serves this database")
)

// Store is one database. All writes of orders, payments, holds, stock, carts
// and products go through Begin; everything else is small and rare.
type Store interface {
	Reader

	// Begin starts a transaction. It may send nothing until the first Load.
	Begin(ctx context.Context) (Tx, error)

	// Own makes owner the only one whose commits succeed: those that name it in
	// Save.Owner. The zero ID gives the rows back to everybody: then those
	// succeed that name nobody. Own waits for commits under way; when it returns,
	// a commit that names another owner fails with ErrOwned. It returns the
	// position of the event log.
	Own(ctx context.Context, owner checkout.ID) (position int64, err error)

	// Owns makes sure that at this moment the rows belong to this owner, and that the
	// event log has got to this position; else it fails with ErrOwned.
	Owns(ctx context.Context, owner checkout.ID, after int64) error

	// Read loads rows as Tx.Load does, but takes no locks and no transaction, so
	// that only for an owner what was read stays true.
	Read(ctx context.Context, keys saga.Keys, state *saga.State) error

	// Fence resolves an unknown commit. It inserts the batch's id into the event
	// log: where the row is there already, the batch was committed and Fence
	// returns true; else the inserted row keeps the old transaction from ever
	// committing, and Fence returns false, also when it is asked again.
	Fence(ctx context.Context, batch checkout.ID) (committed bool, err error)

	// ClaimTasks leases up to limit tasks of these kinds, of all where none is named,
	// that are due, not leased to anybody and not waiting for an operator, oldest
	// first. Two callers never get the same task.
	ClaimTasks(ctx context.Context, kinds []checkout.TaskKind, lease checkout.ID, limit int, duration time.Duration) ([]checkout.Task, error)

	// ReleaseTask gives a leased task back at once: its runner stops.
	ReleaseTask(ctx context.Context, id, lease checkout.ID) error

	// DueHolds names sessions whose hold's time is over.
	DueHolds(ctx context.Context, limit int) ([]string, error)

	// DueOrders names up to limit orders whose open hold ended after since, oldest
	// first.
	DueOrders(ctx context.Context, since time.Time, limit int) (Due, error)

	// PurgeAnswers removes up to limit kept answers from before a time. One that
	// was committed with the order that it names may stay as long as the order.
	PurgeAnswers(ctx context.Context, before time.Time, limit int) (int, error)

	// Secret returns the secret of a name, which is fresh where none was kept:
	// every process on one database gets the same.
	Secret(ctx context.Context, name string, fresh []byte) ([]byte, error)

	AddAPIKey(ctx context.Context, key checkout.APIKey) error
	APIKeys(ctx context.Context) ([]checkout.APIKey, error)
	APIKeyByHash(ctx context.Context, hash [32]byte) (checkout.APIKey, error) // ErrNotFound
	RevokeAPIKey(ctx context.Context, id checkout.ID) error                   // ErrNotFound

	// Clock is the database's clock where that is this process's own. Nil: only
	// the server knows, and Read tells.
	Clock() func() time.Time

	// Schema tells the version of the database's schema and the one that this
	// binary wants; a newer one that says that this binary can work with it counts as
	// that. Migrate brings it up; no other method may be used before.
	Schema(ctx context.Context) (have, want int64, err error)
	Migrate(ctx context.Context) error

	Ping(ctx context.Context) error
	Close() error
}

// Due is what a look for orders whose time is over found.
type Due struct {
	Orders []DueOrder
	Until  time.Time // up to which it looked, by the database's clock
	// More: there is too much to look through at once, so that it stopped before
	// now. The next look goes on from Until.
	More bool
}

// DueOrder is an order whose hold's time is over.
type DueOrder struct {
	ID        checkout.ID
	ExpiresAt time.Time
}

// Tx is one transaction. After Commit or Rollback it is spent. Locks are taken
// in the order of orders, carts, holds, stock, each sorted by its key; the
// counters come last.
type Tx interface {
	// Load reads the rows that keys name into state, locks those that Keys says
	// are locked, marks the absent ones, and sets state.Now and state.Position, which
	// are of the moment when all was locked. It may be called
	// again for more; keys are unique and not yet loaded.
	Load(ctx context.Context, keys saga.Keys, state *saga.State) error

	// Turn waits until no other transaction that asked for its turn is at work. It comes
	// before all else, and its time is bounded: who gets an error rolls back and may go
	// on without. It is no lock of any row, only a way not to wait with half a batch.
	Turn(ctx context.Context) error

	// Stage readies what Commit will write, so that Commit is short. It is not
	// needed, holds no lock and no connection when it returns, and is followed by
	// Commit with the same save, of which only After may have changed. A transaction
	// that has staged and nothing else may be dropped without a word.
	Stage(ctx context.Context, save *Save) error

	// Commit writes everything and the batch's row in the event log, and
	// commits. An error other than ErrUnknownCommit means that nothing was
	// written.
	Commit(ctx context.Context, save *Save) error

	// Rollback ends the transaction without a write. It is safe after Commit.
	Rollback(ctx context.Context) error
}

// Save is everything that one batch writes: plain inserts for new rows, keyed
// updates with absolute values for changed ones, each list sorted by its key.
type Save struct {
	BatchID checkout.ID
	Owner   checkout.ID // whom the rows must belong to; zero: to nobody
	// After is the position of the event log as the owner knows it. Where it is
	// another, the database is not the one that the owner remembers (a standby
	// took over that had not got everything) and the commit fails with ErrOwned.
	After int64
	Now   time.Time

	NewOrders, Orders       []*checkout.Order // rows only; new ones have Details
	NewPayments, Payments   []checkout.Payment
	NewRefunds, Refunds     []checkout.Refund
	NewCarts, Carts         []*checkout.Cart
	NewHolds, Holds         []*checkout.Hold
	DropHolds               []string
	NewCustomers, Customers []*checkout.Customer
	NewProducts, Products   []*checkout.Product
	NewLevels, Levels       []checkout.Level
	Adjustments             []checkout.Adjustment
	NewWebhooks, Webhooks   []*checkout.WebhookRecord
	Tasks                   []checkout.Task // insert, or replace by id
	DropTasks               []saga.TaskDrop
	Answers                 []checkout.IdempotencyRecord // always new
	Events                  []checkout.Event
	// Invoices are changed orders that were confirmed without a number yet:
	// Commit gives each the next one of its InvoiceSeries, without a gap, in
	// this order. They stand in NewOrders or Orders too.
	Invoices []*checkout.Order
}

// PaymentRef names a payment by what a gateway or a buyer knows of it. The first
// that is set and matches counts: ID, ChargeID, GatewayRef. By its GatewayRef a
// payment need not be found that does not ask for it: see checkout.Payment.FindByRef.
type PaymentRef struct {
	ID         checkout.ID
	Gateway    string
	ChargeID   string
	GatewayRef string
}

// RefundRef names a refund by our id, or by the gateway's.
type RefundRef struct {
	ID         checkout.ID
	Gateway    string
	GatewayRef string
}

// OrderFilter narrows a list of orders. Zero fields do not narrow.
type OrderFilter struct {
	Status   checkout.OrderStatus
	UserID   string
	Email    string // the customer's, as given
	From, To time.Time
	Before   checkout.ID // the last id of the page before; lists run from the newest
	Limit    int
}

// Reader answers queries. It takes no locks and may lag behind a commit by
// nothing: what was committed is seen. Methods that name one row answer
// ErrNotFound where it is not there.
type Reader interface {
	// Order reads an order with details, payments and refunds.
	Order(ctx context.Context, id checkout.ID) (*checkout.Order, error)
	Orders(ctx context.Context, filter OrderFilter) ([]*checkout.Order, error)
	FindPayment(ctx context.Context, ref PaymentRef) (order, payment checkout.ID, err error)
	FindRefund(ctx context.Context, ref RefundRef) (order, refund checkout.ID, err error)
	Cart(ctx context.Context, id checkout.ID) (*checkout.Cart, error)
	Hold(ctx context.Context, session string) (*checkout.Hold, error)
	Product(ctx context.Context, sku string) (*checkout.Product, error)
	// ProductsBySKU reads several; those that do not exist are left out.
	ProductsBySKU(ctx context.Context, skus []string) ([]*checkout.Product, error)
	// Products lists by SKU, from after the given one.
	Products(ctx context.Context, after string, limit int) ([]*checkout.Product, error)
	// Levels reads every warehouse's level of a SKU, sorted by warehouse.
	Levels(ctx context.Context, sku string) ([]checkout.Level, error)
	// LogEntries reads batches of the event log by id, in order of position.
	LogEntries(ctx context.Context, batches []checkout.ID) ([]checkout.LogEntry, error)
	Task(ctx context.Context, id checkout.ID) (checkout.Task, error)
	// Attention lists tasks that wait for an operator, by id.
	Attention(ctx context.Context, after checkout.ID, limit int) ([]checkout.Task, error)
	Webhook(ctx context.Context, id checkout.ID) (*checkout.WebhookRecord, error)
	// Snapshot opens one consistent view of everything, for the audit.
	Snapshot(ctx context.Context) (Snapshot, error)
}

// Snapshot is one consistent view, read in chunks by key. Each list returns up to
// limit rows after the given key, sorted by key; fewer means the end. While it is
// open the database cannot clean up behind its writers, so it is to be closed
// within a second or so.
type Snapshot interface {
	Now() time.Time
	Levels(ctx context.Context, after checkout.StockKey, limit int) ([]checkout.Level, error)
	// Adjusted sums the adjustments of each level: its Received, from the record.
	Adjusted(ctx context.Context, after checkout.StockKey, limit int) ([]Adjusted, error)
	// Held sums what sessions hold of each level, in units: it reads every hold.
	Held(ctx context.Context) (map[checkout.StockKey]int64, error)
	Holds(ctx context.Context, after string, limit int) ([]*checkout.Hold, error)
	Carts(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Cart, error)
	// Orders have payments, refunds and details.
	Orders(ctx context.Context, after checkout.ID, limit int) ([]*checkout.Order, error)
	Tasks(ctx context.Context, after checkout.ID, limit int) ([]checkout.Task, error)
	Webhooks(ctx context.Context, after checkout.ID, limit int) ([]*checkout.WebhookRecord, error)
	// Log reads batches by position, from after the given one.
	Log(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error)
	// Batches reads as Log does, without the events.
	Batches(ctx context.Context, after int64, limit int) ([]checkout.LogEntry, error)
	// Counters are the last numbers given: "events" and "invoice:" + series.
	Counters(ctx context.Context) (map[string]int64, error)
	// Last tells where the lists end: a walk beside a shop at work would follow
	// its new rows for ever.
	Last(ctx context.Context) (LastKeys, error)
	// Find reads rows by their keys, in no order. Those that are not there are
	// left out.
	Find(ctx context.Context, keys FindKeys) (Found, error)
	Close() error
}

// Adjusted is the sum of a level's adjustments, in units.
type Adjusted struct {
	Key checkout.StockKey
	Sum int64
}

// LastKeys are the greatest keys of a snapshot's lists; zero where one is empty.
type LastKeys struct {
	Cart, Order, Task, Webhook checkout.ID
	Session                    string
}

// FindKeys name rows of a snapshot. Each list is without doubles.
type FindKeys struct {
	Orders, Carts, Tasks, Webhooks []checkout.ID
	Attended                       []checkout.ID // orders: their tasks that wait for an operator
	Batches                        []checkout.ID
	Charges                        []ChargeKey
	Events                         []checkout.WebhookKey
}

// ChargeKey is what a gateway calls a payment that moved money.
type ChargeKey struct{ Gateway, ChargeID string }

// Found is what Find found.
type Found struct {
	Orders   []*checkout.Order // with payments and refunds, without details
	Carts    []*checkout.Cart
	Tasks    []checkout.Task // those asked for by id, and those of Attended
	Webhooks []*checkout.WebhookRecord
	Batches  []checkout.LogEntry
	Charges  []Charged
	Events   []Stored
}

// Charged is a payment that is filed under a charge.
type Charged struct {
	ChargeKey
	Payment checkout.ID
}

// Stored is a webhook event that is stored under a key.
type Stored struct {
	checkout.WebhookKey
	ID checkout.ID
}
