package checkout

import (
	"slices"
	"time"

	"kassa/money"
)

// OrderStatus is where an order stands. The legal moves are in package saga.
type OrderStatus string

// The states of an order. A refused checkout leaves no order at all.
const (
	OrderPending           OrderStatus = "PENDING"
	OrderAwaitingPayment   OrderStatus = "AWAITING_PAYMENT"
	OrderConfirmed         OrderStatus = "CONFIRMED"
	OrderPartiallyRefunded OrderStatus = "PARTIALLY_REFUNDED"
	OrderRefunded          OrderStatus = "REFUNDED"
	OrderExpired           OrderStatus = "EXPIRED"
	OrderCancelled         OrderStatus = "CANCELLED"
)

// Order is the part of an order that its saga reads and writes. What never
// changes after the checkout is in Details. The order's row is the lock for all
// of its children.
type Order struct {
	ID     ID
	CartID ID     // zero where the checkout named items
	UserID string // the shop's own customer, "" for a guest
	Status OrderStatus
	Total  money.Money

	HoldStatus    HoldStatus
	HoldExpiresAt time.Time
	HoldExtended  bool // an initiate extends the hold once
	Allocations   []Allocation

	SecuredBy     ID        // the payment that confirmed the order
	Superseded    bool      // a later order of the same cart took its place
	ClosingSince  time.Time // when its open attempt was first asked to end at the hold's end
	Restocked     bool      // its deducted stock went back
	CancelReason  string
	InvoiceSeries string // set when the order is confirmed
	InvoiceSeq    int64  // gapless per series; given by the store at the commit
	EventSeq      int64  // sequence number of the order's last event
	Log           []ID   // batches that hold its events, oldest first

	CreatedAt   time.Time
	UpdatedAt   time.Time
	ConfirmedAt time.Time

	Payments []Payment // by attempt
	Refunds  []Refund  // by time of making

	// Details is present on a new order and where a reader asked for it; it is
	// not loaded for deciding.
	Details *OrderDetails
}

// Clone copies the order deeply enough that a change to one is not seen in the
// other. Details are shared: they never change.
func (o *Order) Clone() *Order {
	c := *o
	c.Allocations = slices.Clone(o.Allocations)
	c.Log = slices.Clone(o.Log)
	c.Payments = slices.Clone(o.Payments)
	c.Refunds = slices.Clone(o.Refunds)
	return &c
}

// Payment finds one of the order's payments, or nil.
func (o *Order) Payment(id ID) *Payment {
	for i := range o.Payments {
		if o.Payments[i].ID == id {
			return &o.Payments[i]
		}
	}
	return nil
}

// Refund finds one of the order's refunds, or nil.
func (o *Order) Refund(id ID) *Refund {
	for i := range o.Refunds {
		if o.Refunds[i].ID == id {
			return &o.Refunds[i]
		}
	}
	return nil
}

// Payable tells whether the order still waits for money.
func (o *Order) Payable() bool {
	return o.Status == OrderPending || o.Status == OrderAwaitingPayment
}

// Paid tells whether the order was confirmed, whatever was refunded since.
func (o *Order) Paid() bool {
	return o.Status == OrderConfirmed || o.Status == OrderPartiallyRefunded || o.Status == OrderRefunded
}

// Live tells whether the order holds its cart: it has neither expired nor been
// cancelled.
func (o *Order) Live() bool {
	return o.Status != OrderExpired && o.Status != OrderCancelled
}

// LiveCart is the cart that the order keeps from having another order, or zero.
func (o *Order) LiveCart() ID {
	if !o.Live() {
		return ID{}
	}
	return o.CartID
}

// AsPlaced is the order as its checkout made it, whatever has become of it since.
// The order must have its details.
func (o *Order) AsPlaced() *Order {
	d := o.Details
	ttl, allocations := d.FirstHold()
	return &Order{
		ID: o.ID, CartID: o.CartID, UserID: o.UserID, Status: OrderPending, Total: o.Total,
		HoldStatus: HoldOpen, HoldExpiresAt: o.CreatedAt.Add(ttl), Allocations: allocations,
		CreatedAt: o.CreatedAt, UpdatedAt: o.CreatedAt, Details: d,
	}
}

// OpenPayment is the attempt that may still move money, or nil. An attempt that
// another one has superseded does not count: its success is extra money.
func (o *Order) OpenPayment() *Payment {
	for i := range o.Payments {
		p := &o.Payments[i]
		if p.Open() && !p.Superseded {
			return p
		}
	}
	return nil
}

// OrderDetails is the immutable snapshot taken at the checkout: later changes of
// price, name or address never touch it.
type OrderDetails struct {
	Quote           Quote             `json:"quote"`
	Customer        Customer          `json:"customer"`
	ShippingAddress *Address          `json:"shipping_address,omitempty"`
	BillingAddress  *Address          `json:"billing_address,omitempty"`
	ShippingMethod  string            `json:"shipping_method,omitempty"`
	Reference       string            `json:"reference,omitempty"` // the shop's own order number
	Metadata        map[string]string `json:"metadata,omitempty"`
	// HoldTTL is how long the stock was held for at first, where that is not
	// DefaultHoldTTL.
	HoldTTL time.Duration `json:"hold_ttl_ns,omitempty"`
	// Allocations are what was held at first, where that is not each line whole in
	// the main warehouse.
	Allocations []Allocation `json:"allocations,omitempty"`
}

// SetFirstHold keeps what a new order, whose quote is set, has held.
func (d *OrderDetails) SetFirstHold(ttl time.Duration, allocations []Allocation) {
	d.HoldTTL, d.Allocations = ttl, allocations
	if ttl == DefaultHoldTTL {
		d.HoldTTL = 0
	}
	if slices.Equal(allocations, d.plainHold()) {
		d.Allocations = nil
	}
}

// FirstHold tells for how long the order held what when it was new.
func (d *OrderDetails) FirstHold() (ttl time.Duration, allocations []Allocation) {
	ttl, allocations = d.HoldTTL, d.Allocations
	if ttl == 0 {
		ttl = DefaultHoldTTL
	}
	if allocations == nil {
		allocations = d.plainHold()
	}
	return ttl, allocations
}

// plainHold is each line whole in the main warehouse.
func (d *OrderDetails) plainHold() []Allocation {
	all := make([]Allocation, len(d.Quote.Lines))
	for i, l := range d.Quote.Lines {
		all[i] = Allocation{SKU: l.SKU, Warehouse: MainWarehouse, Qty: l.Qty}
	}
	return all
}

// Quote is a priced list of lines. It is frozen into the order at the checkout.
// All amounts are minor units of Currency.
type Quote struct {
	Currency  money.Currency `json:"currency"`
	Lines     []QuoteLine    `json:"lines"`
	Subtotal  int64          `json:"subtotal"`
	Discounts []Charge       `json:"discounts,omitempty"`
	Shipping  int64          `json:"shipping"`
	Taxes     []Charge       `json:"taxes,omitempty"`
	Total     int64          `json:"total"`
}

// QuoteLine is one SKU of a quote. Total = UnitPrice × Qty − Discount + Tax.
type QuoteLine struct {
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	TaxCode   string `json:"tax_code,omitempty"`
	Qty       int64  `json:"qty"`
	UnitPrice int64  `json:"unit_price"`
	Discount  int64  `json:"discount"`
	Tax       int64  `json:"tax"`
	Total     int64  `json:"total"`
}

// Charge is a named amount of a quote: a discount or a tax.
type Charge struct {
	Name   string `json:"name"`
	Amount int64  `json:"amount"`
}

// Customer is who buys. UserID is the shop's own name for a known customer.
type Customer struct {
	UserID string `json:"user_id,omitempty"`
	Email  string `json:"email"`
	Name   string `json:"name"`
	Phone  string `json:"phone,omitempty"`
	TaxID  string `json:"tax_id,omitempty"`
}

// Address is a postal address. Country is ISO 3166-1 alpha-2.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	State      string `json:"state"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
}
