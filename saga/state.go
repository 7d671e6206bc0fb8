package saga

import (
	"time"

	"kassa/checkout"
)

// Keys names the rows that a command needs before it can be decided. A key that
// no row answers is still loaded: it is then known to be absent.
type Keys struct {
	Orders    []checkout.ID // with payments and refunds; locked
	Carts     []checkout.ID // locked
	Sessions  []string      // holds by session; locked
	Customers []string
	Products  []string // read, not locked
	Stock     []string // SKUs: every warehouse's level; locked
	Answers   []checkout.KeyID
	Webhooks  []checkout.WebhookKey
}

// Empty tells whether nothing is needed.
func (k *Keys) Empty() bool {
	return len(k.Orders)+len(k.Carts)+len(k.Sessions)+len(k.Customers)+
		len(k.Products)+len(k.Stock)+len(k.Answers)+len(k.Webhooks) == 0
}

// Add gathers the keys of another command. Doubles are allowed.
func (k *Keys) Add(o Keys) {
	k.Orders = append(k.Orders, o.Orders...)
	k.Carts = append(k.Carts, o.Carts...)
	k.Sessions = append(k.Sessions, o.Sessions...)
	k.Customers = append(k.Customers, o.Customers...)
	k.Products = append(k.Products, o.Products...)
	k.Stock = append(k.Stock, o.Stock...)
	k.Answers = append(k.Answers, o.Answers...)
	k.Webhooks = append(k.Webhooks, o.Webhooks...)
}

// State is the working set of one batch. A key that is present with a nil value
// was looked for and is not there; a key that is not present was not loaded.
// Rows in a State are never changed in place: Decide returns new ones.
type State struct {
	Now time.Time // the database's clock
	// Position is that of the event log when the rows had been locked: what was read
	// was so at it. 0 where nothing is locked.
	Position int64

	Orders    map[checkout.ID]*checkout.Order
	Carts     map[checkout.ID]*checkout.Cart
	Holds     map[string]*checkout.Hold // by session
	Customers map[string]*checkout.Customer
	Products  map[string]*checkout.Product
	Stock     map[string][]checkout.Level // by SKU, sorted by warehouse
	Answers   map[checkout.KeyID]*checkout.IdempotencyRecord
	Webhooks  map[checkout.WebhookKey]*checkout.WebhookRecord
}

// NewState makes an empty working set.
func NewState() *State {
	return &State{
		Orders:    map[checkout.ID]*checkout.Order{},
		Carts:     map[checkout.ID]*checkout.Cart{},
		Holds:     map[string]*checkout.Hold{},
		Customers: map[string]*checkout.Customer{},
		Products:  map[string]*checkout.Product{},
		Stock:     map[string][]checkout.Level{},
		Answers:   map[checkout.KeyID]*checkout.IdempotencyRecord{},
		Webhooks:  map[checkout.WebhookKey]*checkout.WebhookRecord{},
	}
}

// Missing returns those of the keys that are not loaded, each once.
func (s *State) Missing(k Keys) Keys {
	return Keys{
		Orders:    missing(s.Orders, k.Orders),
		Carts:     missing(s.Carts, k.Carts),
		Sessions:  missing(s.Holds, k.Sessions),
		Customers: missing(s.Customers, k.Customers),
		Products:  missing(s.Products, k.Products),
		Stock:     missing(s.Stock, k.Stock),
		Answers:   missing(s.Answers, k.Answers),
		Webhooks:  missing(s.Webhooks, k.Webhooks),
	}
}

// Has tells whether everything that keys name is loaded.
func (s *State) Has(k *Keys) bool {
	return has(s.Orders, k.Orders) && has(s.Carts, k.Carts) && has(s.Holds, k.Sessions) &&
		has(s.Customers, k.Customers) && has(s.Products, k.Products) && has(s.Stock, k.Stock) &&
		has(s.Answers, k.Answers) && has(s.Webhooks, k.Webhooks)
}

func has[K comparable, V any](loaded map[K]V, keys []K) bool {
	for _, key := range keys {
		if _, ok := loaded[key]; !ok {
			return false
		}
	}
	return true
}

func missing[K comparable, V any](loaded map[K]V, keys []K) []K {
	var out []K
	var seen map[K]struct{}
	for _, key := range keys {
		if _, ok := loaded[key]; ok {
			continue
		}
		if _, ok := seen[key]; ok {
			continue
		}
		if seen == nil {
			seen = map[K]struct{}{}
		}
		seen[key] = struct{}{}
		out = append(out, key)
	}
	return out
}

// Changes is what one decided command changes: absolute values of rows, never
// differences. Decide makes it; nothing of the State is touched.
type Changes struct {
	Orders      []*checkout.Order // with their payments and refunds
	Carts       []*checkout.Cart
	Holds       []*checkout.Hold
	DropHolds   []string // sessions
	Customers   []*checkout.Customer
	Products    []*checkout.Product
	Levels      []checkout.Level
	Adjustments []checkout.Adjustment
	Webhooks    []*checkout.WebhookRecord
	Tasks       []checkout.Task // put in place of what the id owed before
	DropTasks   []TaskDrop
	Events      []checkout.Event
}

// TaskDrop ends a task. With a lease, only while that lease holds the task: a
// stale runner's result is evidence, but it does not close what another runs.
type TaskDrop struct {
	ID    checkout.ID
	Lease checkout.ID
}

// Empty tells whether the command changed nothing.
func (c *Changes) Empty() bool {
	return len(c.Orders)+len(c.Carts)+len(c.Holds)+len(c.DropHolds)+len(c.Customers)+
		len(c.Products)+len(c.Levels)+len(c.Adjustments)+len(c.Webhooks)+
		len(c.Tasks)+len(c.DropTasks)+len(c.Events) == 0
}
