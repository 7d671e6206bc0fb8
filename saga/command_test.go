package saga_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/money"
	"kassa/saga"
)

// script runs the commands of a scenario in a world.
type script struct {
	*world
	last saga.Command
	keys int
}

func newScript() *script { return &script{world: newWorld()} }

// routes are the gateway accounts of every scenario: one that takes tokens and
// can close an attempt, one that cannot, one that captures at shipment, a bank.
var routes = []saga.Route{
	{Gateway: "stripe", Methods: []checkout.Method{checkout.MethodCard}, Tokens: true, Closable: true},
	{Gateway: "razorpay", Methods: []checkout.Method{checkout.MethodUPI, checkout.MethodWallet, checkout.MethodCard}, Currencies: []money.Currency{"INR"}},
	{Gateway: "shipped", Methods: []checkout.Method{checkout.MethodCard}, Tokens: true, Closable: true, ManualCapture: true},
	{Gateway: "bank", Methods: []checkout.Method{checkout.MethodManual}, MarkReceived: true, HoldTTL: 72 * time.Hour},
}

// line is a command line taken apart: words, and options as key=value.
type line struct {
	words   []string
	options map[string]string
}

func parseLine(text string) line {
	l := line{options: map[string]string{}}
	for _, word := range strings.Fields(text) {
		if key, value, ok := strings.Cut(word, "="); ok {
			l.options[key] = value
			continue
		}
		l.words = append(l.words, word)
	}
	return l
}

// word is the n-th word, or "".
func (l line) word(n int) string {
	if n < len(l.words) {
		return l.words[n]
	}
	return ""
}

func (l line) has(word string) bool { return slices.Contains(l.words, word) }

func (l line) rest(n int) string { return strings.Join(l.words[min(n, len(l.words)):], " ") }

// run runs one line and returns what it prints.
func (s *script) run(text string) ([]string, error) {
	l := parseLine(text)
	switch l.word(0) {
	case "advance":
		return s.advance(l)
	case "expire":
		return s.expire()
	case "crash":
		s.crash()
		return []string{"it is " + clock(s.state.Now)}, nil
	case "start":
		task, err := s.start(s.names.byName[l.word(1)])
		return []string{"runs " + string(task.Kind)}, err
	case "product":
		return s.product(l)
	case "show":
		return s.show(l)
	}
	c, err := s.command(l)
	if err != nil {
		return nil, err
	}
	return s.step(c)
}

// step does one command and prints it.
func (s *script) step(c saga.Command) ([]string, error) {
	s.last = c
	if r, ok := c.(saga.ResolveTask); ok && r.How == saga.ResolveSkip {
		s.waived[r.Task.ID], s.waived[r.Task.OrderID] = true, true
	}
	out, err := s.do(c)
	if err != nil {
		return nil, fmt.Errorf("%s", s.names.replace(err.Error()))
	}
	return s.print(out), nil
}

func (s *script) command(l line) (saga.Command, error) {
	switch l.word(0) {
	case "again":
		return s.last, nil
	case "gateway", "lookup", "fail", "late", "finish":
		return s.result(l)
	case "webhook", "found", "missed":
		return s.webhook(l)
	case "resolve":
		return s.resolve(l)
	}
	return s.wish(l)
}

// wish reads what a buyer or the shop asks for.
func (s *script) wish(l line) (saga.Command, error) {
	id := s.names.byName[l.word(1)]
	order, _ := s.payment(id)
	switch l.word(0) {
	case "price":
		return s.price(l)
	case "adjust":
		return saga.AdjustStock{SKU: l.word(1), Warehouse: l.word(2), Delta: number(l.word(3))}, nil
	case "count":
		return saga.CountStock{SKU: l.word(1), Warehouse: l.word(2), Counted: number(l.word(3))}, nil
	case "cart":
		return saga.SaveCart{ID: s.names.byName[l.options["id"]], Currency: "INR", Items: readItems(l.words[1:])}, nil
	case "hold":
		return saga.HoldStock{SessionID: l.word(1), Items: readItems(l.words[2:]), TTL: checkout.DefaultHoldTTL}, nil
	case "release":
		return saga.ReleaseHold{SessionID: l.word(1)}, nil
	case "place":
		return s.place(l), nil
	case "initiate":
		return s.initiate(l), nil
	case "confirm":
		return saga.ConfirmOrder{OrderID: id}, nil
	case "cancel":
		return saga.CancelOrder{OrderID: id, Unpaid: l.has("unpaid"), Reason: "wish"}, nil
	case "refund":
		return saga.CreateRefund{OrderID: id, Amount: money.Literal(l.options["amount"]), Restock: l.has("restock"), Reason: "wish"}, nil
	}
	if order == nil {
		return nil, fmt.Errorf("unknown command or payment: %v", l.words)
	}
	switch l.word(0) {
	case "capture":
		return saga.CapturePayment{OrderID: order.ID, PaymentID: id}, nil
	case "void":
		return saga.VoidPayment{OrderID: order.ID, PaymentID: id}, nil
	case "received":
		return saga.ReceiveMoney{OrderID: order.ID, PaymentID: id, Reference: l.word(2), Gateways: []string{"bank"}}, nil
	}
	return nil, fmt.Errorf("unknown command: %v", l.words)
}

func (s *script) place(l line) saga.Command {
	cart := s.names.byName[l.options["cart"]]
	c := saga.PlaceOrder{
		CartID: cart, SessionID: l.options["session"], HoldTTL: checkout.DefaultHoldTTL, Currency: "INR",
		Items:   readItems(l.words[1:]),
		Details: checkout.OrderDetails{Customer: checkout.Customer{UserID: l.options["user"], Name: "A Buyer", Email: "buyer@example.com"}},
	}
	if !cart.IsZero() {
		c.Currency, c.Items = "", nil
	}
	return c
}

func (s *script) initiate(l line) saga.Command {
	c := saga.InitiatePayment{
		OrderID: s.names.byName[l.word(1)], Method: checkout.Method(l.word(2)), Gateway: l.options["gateway"],
		IdempotencyKey: l.options["key"], RequestHash: l.options["request"], Amount: money.Literal(l.options["amount"]), Routes: routes,
	}
	if c.IdempotencyKey == "" {
		s.keys++
		c.IdempotencyKey = "key-" + strconv.Itoa(s.keys)
	}
	if c.Amount == "" {
		if o := s.state.Orders[c.OrderID]; o != nil {
			c.Amount = money.Literal(o.Total.String())
		}
	}
	if l.has("token") {
		c.Token = "pm_card_visa"
	}
	return c
}

func (s *script) resolve(l line) (saga.Command, error) {
	t, ok := s.tasks[s.names.byName[l.word(1)]]
	if !ok {
		return nil, fmt.Errorf("%s owes nothing that could be resolved", l.word(1))
	}
	return saga.ResolveTask{Task: t, How: saga.Resolution(l.word(2)), Note: l.rest(3)}, nil
}

// product makes a product with stock: product shirt 499.00 main=10 delhi=5.
func (s *script) product(l line) ([]string, error) {
	c, err := s.price(l)
	if err != nil {
		return nil, err
	}
	if _, err := s.do(c); err != nil {
		return nil, err
	}
	var lines []string
	for _, word := range []string{"main", "delhi"} {
		units := l.options[word]
		if units == "" {
			continue
		}
		printed, err := s.step(saga.AdjustStock{SKU: l.word(1), Warehouse: word, Delta: number(units), Reason: "delivery"})
		if err != nil {
			return nil, err
		}
		lines = append(lines, printed[1:]...)
	}
	return lines, nil
}

func (s *script) price(l line) (saga.Command, error) {
	price, err := money.Parse(l.word(2), "INR")
	return saga.SaveProduct{Product: checkout.Product{
		SKU: l.word(1), Name: l.word(1), Active: true, Prices: map[money.Currency]int64{"INR": price.Minor},
	}}, err
}

func (s *script) advance(l line) ([]string, error) {
	by, err := time.ParseDuration(l.word(1))
	s.state.Now = s.state.Now.Add(by)
	return []string{"it is " + clock(s.state.Now)}, err
}

// expire ends what is over, as the sweeper does.
func (s *script) expire() ([]string, error) {
	var due []saga.Command
	for session, h := range s.state.Holds {
		if !h.ExpiresAt.After(s.state.Now) {
			due = append(due, saga.ExpireHold{SessionID: session})
		}
	}
	slices.SortFunc(due, func(a, b saga.Command) int { return strings.Compare(encode(a), encode(b)) })
	for _, o := range s.orders() {
		if o.HoldStatus == checkout.HoldOpen && !o.HoldExpiresAt.After(s.state.Now) {
			due = append(due, saga.ExpireOrder{OrderID: o.ID})
		}
	}
	var lines []string
	for _, c := range due {
		printed, err := s.step(c)
		if err != nil {
			return nil, err
		}
		lines = append(lines, printed...)
	}
	return lines, nil
}

// show prints rows as they are now, by name.
func (s *script) show(l line) ([]string, error) {
	var lines []string
	for _, d := range s.describe() {
		if l.has(d.key) || len(l.words) == 1 {
			lines = append(lines, d.text)
		}
	}
	return lines, nil
}

func readItems(words []string) []checkout.Item {
	var all []checkout.Item
	for _, word := range words {
		if sku, qty, ok := strings.Cut(word, ":"); ok {
			all = append(all, checkout.Item{SKU: sku, Qty: number(qty)})
		}
	}
	return checkout.SumItems(all)
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err) // a mistake in a scenario
	}
	return n
}
