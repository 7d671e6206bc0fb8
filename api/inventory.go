package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/saga"
)

func (s *server) inventory() {
	handle(s, route{
		method: http.MethodPost, path: "/inventory/lock", tag: "Inventory", scope: storefront, key: keyOptional,
		id: "lockStock", summary: "Lock stock for a session",
		about: "All or nothing. The same session with the same items gets its lock again (200); with other items the lock is replaced in one step, " +
			"and where that is refused the old one stays. Where no session_id is given, one is made. With order_id: an order has its stock locked " +
			"from its checkout on, and its lock is answered where the items are the same.",
		statuses: []int{http.StatusCreated, http.StatusOK},
		codes:    []checkout.Code{checkout.CodeOutOfStock, checkout.CodeNotFound, checkout.CodeOrderState, checkout.CodeRateLimited},
	}, s.lock)
	handle(s, route{
		method: http.MethodPost, path: "/inventory/unlock", tag: "Inventory", scope: storefront, key: keyOptional,
		id: "unlockStock", summary: "Unlock a session's or an unpaid order's stock",
		about:    "Unlocking again is no error. A lock that an order has adopted is the order's: a session does not end it. With order_id the unpaid order is cancelled.",
		statuses: []int{http.StatusOK}, codes: []checkout.Code{checkout.CodeNotFound, checkout.CodeOrderState},
	}, s.unlock)
	handle(s, route{
		method: http.MethodGet, path: "/inventory/{sku}", tag: "Inventory", scope: serverOnly,
		id: "readStock", summary: "Read a product's stock", statuses: []int{http.StatusOK}, codes: []checkout.Code{checkout.CodeNotFound},
	}, s.readStock)
	handle(s, route{
		method: http.MethodPost, path: "/inventory/{sku}/adjust", tag: "Inventory", scope: serverOnly, key: keyRequired,
		id: "adjustStock", summary: "Adjust or count a product's stock",
		about: "delta adds units that came in or takes away units that went out without an order; it is refused where it would leave less than nothing. " +
			"counted records what a stock count found, whatever it is, and raises attention where less than the locked quantity is there.",
		statuses: []int{http.StatusOK}, codes: []checkout.Code{checkout.CodeNotFound, checkout.CodeOutOfStock},
	}, s.adjust)
}

type lockInput struct {
	OrderToken
	Body struct {
		SessionID  string      `json:"session_id,omitempty" pattern:"^[A-Za-z0-9_-]{16,128}$" patternDescription:"16 to 128 letters, digits, _ or -; it must not be guessable" doc:"Names the buyer's session. Whoever knows it can change the lock."`
		OrderID    string      `json:"order_id,omitempty"`
		Items      []itemInput `json:"items" minItems:"1" maxItems:"200" doc:"The same product twice is summed."`
		TTLSeconds int         `json:"ttl_seconds,omitempty" minimum:"30" maximum:"1800" doc:"900 by default."`
	}
}

type lockBody struct {
	LockID    string         `json:"lock_id" format:"uuid"`
	SessionID string         `json:"session_id,omitempty"`
	OrderID   string         `json:"order_id,omitempty"`
	Status    string         `json:"status" enum:"LOCKED"`
	Items     []lockItemBody `json:"items"`
	ExpiresAt time.Time      `json:"expires_at"`
}

type lockItemBody struct {
	SKU       string `json:"sku"`
	Qty       int64  `json:"qty"`
	Warehouse string `json:"warehouse" example:"main"`
}

func (s *server) lock(ctx context.Context, in *lockInput) (answer[lockBody], error) {
	items, err := summed(in.Body.Items)
	switch {
	case err != nil:
		return answer[lockBody]{}, err
	case in.Body.OrderID != "" && in.Body.SessionID != "":
		return answer[lockBody]{}, checkout.Invalid("order_id", "name a session or an order, not both")
	case in.Body.OrderID != "":
		return s.lockOfOrder(ctx, in, items)
	}
	command := saga.HoldStock{SessionID: in.Body.SessionID, Items: items, TTL: s.HoldTTL}
	if in.Body.TTLSeconds > 0 {
		command.TTL = time.Duration(in.Body.TTLSeconds) * time.Second
	}
	if command.SessionID == "" {
		command.SessionID, command.Fresh = newSession(), true
	}
	settle, err := s.countLock(ctx, command)
	if err != nil {
		return answer[lockBody]{}, err
	}
	a, _, err := decide(ctx, s, in.Body.SessionID, command, renderLock)
	settle(err == nil && !a.replayed)
	return a, err
}

// countLock applies the caps to a storefront's lock.
func (s *server) countLock(ctx context.Context, c saga.HoldStock) (settle func(locked bool), err error) {
	call := callOf(ctx)
	if call.key.Scope == checkout.ScopeServer {
		return func(bool) {}, nil
	}
	return s.caps.take(s.ClientIP(call.request), c.SessionID, c.Items, c.TTL)
}

// newSession makes a session's name that nobody can guess.
func newSession() string {
	var random [24]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails (Go 1.24)
	return "s_" + base64.RawURLEncoding.EncodeToString(random[:])
}

// summed adds up what is asked for of each product.
func summed(in []itemInput) ([]checkout.Item, error) {
	list := make([]checkout.Item, len(in))
	for i, it := range in {
		list[i] = checkout.Item(it)
	}
	list = checkout.SumItems(list)
	for _, it := range list {
		if it.Qty > checkout.MaxQty {
			return nil, checkout.Invalid("items", "at most %d units of one product can be locked", checkout.MaxQty)
		}
	}
	return list, nil
}

func renderLock(r saga.Result) (int, lockBody) {
	status := http.StatusCreated
	if r.Existing {
		status = http.StatusOK
	}
	h := r.Hold
	return status, lockBody{
		LockID: h.ID.String(), SessionID: h.SessionID, Status: "LOCKED",
		Items: lockItems(h.Allocations), ExpiresAt: instant(h.ExpiresAt),
	}
}

func lockItems(allocations []checkout.Allocation) []lockItemBody {
	out := make([]lockItemBody, 0, len(allocations))
	for _, a := range allocations {
		out = append(out, lockItemBody{SKU: a.SKU, Qty: a.Qty, Warehouse: a.Warehouse})
	}
	return out
}

// lockOfOrder answers the stock that an order has held since its checkout.
func (s *server) lockOfOrder(ctx context.Context, in *lockInput, wanted []checkout.Item) (answer[lockBody], error) {
	id, err := bodyID("order_id", in.Body.OrderID)
	if err != nil {
		return answer[lockBody]{}, err
	}
	o, err := s.order(ctx, id, in.OrderToken)
	switch {
	case err != nil:
		return answer[lockBody]{}, err
	case o.HoldStatus != checkout.HoldOpen:
		return answer[lockBody]{}, checkout.Refuse(checkout.CodeOrderState, "the order is %s and its stock is not locked any more", o.Status)
	case !slices.Equal(held(o.Allocations), wanted):
		return answer[lockBody]{}, checkout.Refuse(checkout.CodeOrderState, "the order has locked other items; cancel it to change them")
	}
	return answer[lockBody]{status: http.StatusOK, body: lockBody{
		LockID: o.ID.String(), OrderID: o.ID.String(), Status: "LOCKED",
		Items: lockItems(o.Allocations), ExpiresAt: instant(o.HoldExpiresAt),
	}}, nil
}

// held sums allocations back into items.
func held(allocations []checkout.Allocation) []checkout.Item {
	list := make([]checkout.Item, len(allocations))
	for i, a := range allocations {
		list[i] = checkout.Item{SKU: a.SKU, Qty: a.Qty}
	}
	return checkout.SumItems(list)
}

type unlockInput struct {
	OrderToken
	Body struct {
		SessionID string `json:"session_id,omitempty" maxLength:"128"`
		OrderID   string `json:"order_id,omitempty"`
	}
}

type unlockBody struct {
	SessionID string `json:"session_id,omitempty"`
	OrderID   string `json:"order_id,omitempty"`
	Status    string `json:"status" enum:"RELEASED"`
}

func (s *server) unlock(ctx context.Context, in *unlockInput) (answer[unlockBody], error) {
	session, order := in.Body.SessionID, in.Body.OrderID
	if (session == "") == (order == "") {
		return answer[unlockBody]{}, checkout.Invalid("session_id", "name a session or an order, and not both")
	}
	if order != "" {
		return s.unlockOrder(ctx, in)
	}
	a, _, err := decide(ctx, s, session, saga.ReleaseHold{SessionID: session}, func(saga.Result) (int, unlockBody) {
		return http.StatusOK, unlockBody{SessionID: session, Status: "RELEASED"}
	})
	if err == nil {
		s.caps.release(session)
	}
	return a, err
}

func (s *server) unlockOrder(ctx context.Context, in *unlockInput) (answer[unlockBody], error) {
	id, err := bodyID("order_id", in.Body.OrderID)
	if err != nil {
		return answer[unlockBody]{}, err
	}
	o, err := s.order(ctx, id, in.OrderToken)
	if err != nil {
		return answer[unlockBody]{}, err
	}
	body := unlockBody{OrderID: id.String(), Status: "RELEASED"}
	if !o.Live() {
		return answer[unlockBody]{status: http.StatusOK, body: body}, nil
	}
	command := saga.CancelOrder{OrderID: id, Reason: "unlocked", Unpaid: true}
	a, _, err := decide(ctx, s, id.String(), command, func(saga.Result) (int, unlockBody) { return http.StatusOK, body })
	return a, err
}

type stockBody struct {
	SKU          string          `json:"sku"`
	AvailableQty int64           `json:"available_qty" doc:"What can be sold now, over all warehouses."`
	LockedQty    int64           `json:"locked_qty" doc:"What buyers hold."`
	Warehouses   []warehouseBody `json:"warehouses"`
}

type warehouseBody struct {
	Warehouse    string `json:"warehouse" example:"main"`
	AvailableQty int64  `json:"available_qty"`
	LockedQty    int64  `json:"locked_qty"`
}

type skuPath struct {
	SKU string `path:"sku" minLength:"1" maxLength:"64"`
}

func (s *server) readStock(ctx context.Context, in *skuPath) (answer[stockBody], error) {
	levels, err := s.Reader.Levels(ctx, in.SKU)
	switch {
	case err != nil:
		return answer[stockBody]{}, err
	case len(levels) == 0:
		return answer[stockBody]{}, noSuch("product")
	}
	return answer[stockBody]{status: http.StatusOK, body: renderStock(in.SKU, levels)}, nil
}

func renderStock(sku string, levels []checkout.Level) stockBody {
	body := stockBody{SKU: sku, Warehouses: make([]warehouseBody, 0, len(levels))}
	for _, l := range levels {
		body.AvailableQty += l.Available
		body.LockedQty += l.Locked
		body.Warehouses = append(body.Warehouses, warehouseBody{Warehouse: l.Warehouse, AvailableQty: l.Available, LockedQty: l.Locked})
	}
	return body
}

type adjustInput struct {
	SKU  string `path:"sku" minLength:"1" maxLength:"64"`
	Body struct {
		Warehouse string `json:"warehouse" example:"main"`
		Delta     *int64 `json:"delta,omitempty" minimum:"-1000000000" maximum:"1000000000" doc:"Units that came in, or went out where negative."`
		Counted   *int64 `json:"counted,omitempty" minimum:"0" maximum:"1000000000" doc:"Units that a count found on the shelf, held ones included. Instead of delta."`
		Reason    string `json:"reason" maxLength:"500" pattern:"\\S" patternDescription:"more than spaces" example:"delivery 4711"`
	}
}

func (s *server) adjust(ctx context.Context, in *adjustInput) (answer[stockBody], error) {
	command, err := s.stockCommand(in)
	if err != nil {
		return answer[stockBody]{}, err
	}
	a, _, err := decide(ctx, s, in.SKU, command, func(r saga.Result) (int, stockBody) {
		return http.StatusOK, renderStock(in.SKU, r.Levels)
	})
	return a, err
}

func (s *server) stockCommand(in *adjustInput) (saga.Command, error) {
	b := in.Body
	switch {
	case !slices.Contains(s.Warehouses, b.Warehouse):
		return nil, checkout.Invalid("warehouse", "must be one of %s", strings.Join(s.Warehouses, ", "))
	case (b.Delta == nil) == (b.Counted == nil):
		return nil, checkout.Invalid("delta", "send either delta or counted")
	case b.Counted != nil:
		return saga.CountStock{SKU: in.SKU, Warehouse: b.Warehouse, Counted: *b.Counted, Reason: b.Reason}, nil
	case *b.Delta == 0:
		return nil, checkout.Invalid("delta", "must not be 0")
	}
	return saga.AdjustStock{SKU: in.SKU, Warehouse: b.Warehouse, Delta: *b.Delta, Reason: b.Reason}, nil
}
