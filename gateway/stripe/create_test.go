package stripe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/money"
)

var made = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func inr(minor int64) money.Money { return money.New(minor, "INR") }

func sampleRequest() gateway.CreateRequest {
	id := checkout.NewID(made, [10]byte{1, 2, 3})
	return gateway.CreateRequest{
		PaymentID: id, OrderID: id.Child(1), OrderNumber: "7K2M-QX9P0-3DTE", Key: gateway.CreateKey(id, 1),
		Amount: inr(129950), Method: checkout.MethodCard, ReturnURL: "https://shop.test/back", CustomerEmail: "asha@example.test",
		Lines: []gateway.Line{{Name: "Tea", Qty: 2, Total: inr(100000)}, {Name: "Cup", Qty: 1, Total: inr(29950)}},
	}
}

func TestSessionEnd(t *testing.T) {
	t.Parallel()
	least := made.Add(40 * time.Minute)
	for name, c := range map[string]struct{ wanted, made, now, want time.Time }{
		"too soon":                   {made.Add(15 * time.Minute), made, made, least},
		"not said":                   {time.Time{}, made, made, least},
		"as wanted":                  {made.Add(2 * time.Hour), made, made, made.Add(2 * time.Hour)},
		"too late":                   {made.Add(100 * time.Hour), made, made, made.Add(23*time.Hour + 50*time.Minute)},
		"repeated soon, the same":    {made.Add(15 * time.Minute), made, made.Add(8 * time.Minute), least},
		"by a clock that is behind":  {made.Add(15 * time.Minute), made, made.Add(-time.Minute), least},
		"by one that is ahead":       {made.Add(15 * time.Minute), made, made.Add(time.Minute), least},
		"too late, by one behind":    {made.Add(100 * time.Hour), made, made.Add(-9 * time.Minute), made.Add(23*time.Hour + 50*time.Minute)},
		"repeated late, still legal": {made.Add(15 * time.Minute), made, made.Add(time.Hour), made.Add(time.Hour + 40*time.Minute)},
		"an id without a time":       {made, made.Add(900 * time.Hour), made, least},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			end := sessionEnd(c.wanted, c.made, c.now)
			require.Equal(t, c.want, end)
			require.GreaterOrEqual(t, end.Sub(c.now), minSession)
			require.LessOrEqual(t, end.Sub(c.now), maxSession)
		})
	}
}

func TestLineItems(t *testing.T) {
	t.Parallel()
	many := make([]gateway.Line, maxLines+1)
	for i := range many {
		many[i] = gateway.Line{Name: "Tea", Qty: 1, Total: inr(100)}
	}
	for name, c := range map[string]struct {
		lines  []gateway.Line
		amount int64
		items  int
	}{
		"as they are":          {[]gateway.Line{{Name: "Tea", Qty: 2, Total: inr(100)}, {Name: "Cup", Qty: 1, Total: inr(5)}}, 105, 2},
		"shipping on top":      {[]gateway.Line{{Name: "Tea", Qty: 2, Total: inr(100)}}, 150, 1},
		"no price per unit":    {[]gateway.Line{{Name: "Tea", Qty: 3, Total: inr(100)}, {Name: "Cup", Qty: 1, Total: inr(50)}}, 150, 1},
		"a line without name":  {[]gateway.Line{{Qty: 1, Total: inr(50)}, {Name: "Cup", Qty: 1, Total: inr(50)}}, 100, 1},
		"a line below nothing": {[]gateway.Line{{Name: "Tea", Qty: 1, Total: inr(200)}, {Name: "Gift", Qty: 1, Total: inr(-50)}}, 150, 1},
		"no lines":             {nil, 150, 1},
		"too many":             {many, 100 * (maxLines + 1), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := sampleRequest()
			req.Lines, req.Amount = c.lines, inr(c.amount)
			wire, err := toWire(req.Amount)
			require.NoError(t, err)
			items := lineItems(req, wire)
			require.Len(t, items, c.items)
			var sum int64
			for _, item := range items {
				sum += item.unit.minor * item.qty
			}
			require.Equal(t, c.amount, sum, "the page charges what its lines add up to")
		})
	}
}

// A repeated create asks for the very same, or Stripe would refuse its key.
func TestSessionParamsRepeat(t *testing.T) {
	t.Parallel()
	req := sampleRequest()
	wire, err := toWire(req.Amount)
	require.NoError(t, err)
	require.Equal(t, sessionForm(req, wire, made), sessionForm(req, wire, made.Add(5*time.Minute)))
}

func TestCreateRefusesBeforeCalling(t *testing.T) {
	t.Parallel()
	a := newAccount(t, func(c *Config) {
		c.Methods = []checkout.Method{checkout.MethodCard, checkout.MethodUPI}
		c.Currencies = []money.Currency{"INR", "KWD"}
		c.BaseURL = "http://127.0.0.1:1" // nobody listens: a call would be Unavailable
	})
	for name, change := range map[string]func(*gateway.CreateRequest){
		"no amount":       func(r *gateway.CreateRequest) { r.Amount.Minor = 0 },
		"not exact":       func(r *gateway.CreateRequest) { r.Amount = money.New(1001, "KWD") },
		"other currency":  func(r *gateway.CreateRequest) { r.Amount = money.New(1000, "USD") },
		"other method":    func(r *gateway.CreateRequest) { r.Method = checkout.MethodWallet },
		"UPI authorised":  func(r *gateway.CreateRequest) { r.Method, r.ManualCapture = checkout.MethodUPI, true },
		"unknown method":  func(r *gateway.CreateRequest) { r.Method = "barter" },
		"without a coin":  func(r *gateway.CreateRequest) { r.Amount.Currency = "" },
		"less than none":  func(r *gateway.CreateRequest) { r.Amount.Minor = -5 },
		"token not exact": func(r *gateway.CreateRequest) { r.Token, r.Amount = "pm_card_visa", money.New(1001, "KWD") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := sampleRequest()
			change(&req)
			_, err := a.Create(t.Context(), req)
			requireKind(t, gateway.Refused, err)
		})
	}
}
