//go:build unix

package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/engine"
	"kassa/gateway"
	"kassa/gateway/stripe"
	"kassa/money"
	"kassa/payments"
	"kassa/saga"
	"kassa/store/memory"
	"kassa/tasks"
)

// The benchmarks call the API without a network, on the memory store, by 64
// callers at a time so that the engine has batches to make. BenchmarkEngine does
// the same commands without the API: what a call costs beside the engine is the
// difference.
//
//	go test ./api -run ^$ -bench . -cpu 1 -benchmem

const (
	benchCallers = 64
	benchPlenty  = 1 << 40
)

// stand is an API that is benchmarked.
type stand struct {
	b      *testing.B
	engine *engine.Engine
	api    *API
	calls  atomic.Int64
}

// promptGateway is Stripe's adapter, but that it opens a page without asking anybody.
type promptGateway struct{ gateway.Gateway }

func (promptGateway) Create(_ context.Context, req gateway.CreateRequest) (checkout.PaymentReport, error) {
	return checkout.PaymentReport{
		PaymentID: req.PaymentID, GatewayRef: "cs_test_" + req.PaymentID.String(), Status: checkout.PaymentPending, Amount: req.Amount,
		Action: &checkout.Action{Type: "redirect", URL: "https://pay.example/" + req.PaymentID.String()},
	}, nil
}

func newStand(b *testing.B) *stand {
	b.Helper()
	s := memory.New(memory.Config{})
	card, err := stripe.New(stripe.Config{Name: "stripe", SecretKey: gatewayKey, WebhookSecrets: []string{hookSecret}})
	require.NoError(b, err)
	accounts := []payments.Account{{Name: "stripe", Gateway: promptGateway{card}}}
	runner := tasks.New(tasks.Config{Source: s})
	st := &stand{b: b, engine: engine.New(engine.Config{Store: s}, runner.Enqueue)}
	pay := payments.New(payments.Config{Engine: st.engine, Reader: s, Accounts: accounts})
	runner.Bind(st.engine, pay.Handlers())
	runner.Start()
	b.Cleanup(func() {
		require.NoError(b, runner.Close(context.Background()))
		require.NoError(b, st.engine.Close(context.Background()))
	})
	key := checkout.APIKey{ID: st.engine.NewID(), Scope: checkout.ScopeStorefront, Hash: sha256.Sum256([]byte(storefrontKey)), CreatedAt: time.Now()}
	require.NoError(b, s.AddAPIKey(b.Context(), key))
	st.api, err = New(Config{
		Engine: st.engine, Reader: st.engine.Reader(), Keys: s, Gateways: map[string]gateway.Gateway{"stripe": card}, Receive: pay.Receive,
		Routes: payments.Routes(accounts), TokenSecret: []byte("0123456789abcdef0123456789abcdef"),
		CheckoutURL: func(order checkout.ID, token string) string {
			return "https://shop.example/pay/" + order.String() + "?token=" + token
		},
	})
	require.NoError(b, err)
	for _, sku := range []string{"MUG", "SHIRT", "SOLD-OUT"} {
		_, err = st.engine.Do(b.Context(), saga.SaveProduct{Product: checkout.Product{
			SKU: sku, Name: "Thing " + sku, Active: true, Prices: map[money.Currency]int64{"INR": 49_950},
		}})
		require.NoError(b, err)
		if sku != "SOLD-OUT" {
			_, err = st.engine.Do(b.Context(), saga.AdjustStock{SKU: sku, Warehouse: checkout.MainWarehouse, Delta: benchPlenty, Reason: "bench"})
			require.NoError(b, err)
		}
	}
	return st
}

// caller makes calls one after the other and reuses what it can.
type caller struct {
	*stand
	base *http.Request
	body bytes.Reader
	out  discard
}

// discard takes an answer.
type discard struct {
	header http.Header
	status int
	body   []byte
}

func (d *discard) Header() http.Header             { return d.header }
func (d *discard) WriteHeader(status int)          { d.status = status }
func (d *discard) SetReadDeadline(time.Time) error { return nil }
func (d *discard) Write(body []byte) (n int, _ error) {
	d.body = append(d.body, body...)
	return len(body), nil
}

func (s *stand) caller(method, path string) *caller {
	base, err := http.NewRequestWithContext(s.b.Context(), method, path, nil)
	if err != nil {
		panic(err)
	}
	base.RemoteAddr = "192.0.2.1:4711"
	return &caller{stand: s, base: base, out: discard{header: http.Header{}}}
}

// call makes a call and panics where it is not answered as wished: it runs on
// goroutines that cannot fail the benchmark.
func (c *caller) call(wanted int, path string, body []byte, headers ...string) []byte {
	r := *c.base
	if path != "" {
		address := *r.URL
		address.Path = path
		r.URL = &address
	}
	c.body.Reset(body)
	r.Body, r.ContentLength = io.NopCloser(&c.body), int64(len(body))
	r.Header = http.Header{
		"Authorization": {"Bearer " + storefrontKey}, "Content-Type": {"application/json"},
		"User-Agent": {"bench"}, "Content-Length": {strconv.Itoa(len(body))},
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header[headers[i]] = []string{headers[i+1]}
	}
	clear(c.out.header)
	c.out.status, c.out.body = 0, c.out.body[:0]
	c.api.ServeHTTP(&c.out, &r)
	if c.out.status == 0 {
		c.out.status = http.StatusOK
	}
	if c.out.status != wanted {
		panic(fmt.Sprintf("answered %d %s", c.out.status, c.out.body))
	}
	return c.out.body
}

// run measures work, which is told the number of its run.
func (s *stand) run(method, path string, work func(c *caller, n int64)) {
	measure(s.b, func(pb *testing.PB) {
		c := s.caller(method, path)
		for pb.Next() {
			work(c, s.calls.Add(1))
		}
	})
}

// measure adds the CPU's time, which tells more than the clock's where the machine
// does other things, too.
func measure(b *testing.B, body func(*testing.PB)) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(benchCallers)
	runtime.GC()
	before := cpuTime(b)
	b.ResetTimer()
	b.RunParallel(body)
	b.StopTimer()
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

const benchCheckout = `{"items":[{"sku":"MUG","qty":1},{"sku":"SHIRT","qty":1}],"currency":"INR","customer":{"email":"asha@example.com","name":"Asha Rao",` +
	`"phone":"+919845012345"},"shipping_address":{"name":"Asha Rao","line1":"12 MG Road","line2":"Ashok Nagar","city":"Bengaluru","state":"KA","postal_code":"560001","country":"IN"}}`

func benchKey(n int64) string { return fmt.Sprintf("6ba7b810-9dad-41d1-80b4-%012d", n) }

// benchOrders places orders beforehand.
func (s *stand) benchOrders() (orders []placed) {
	c := s.caller(http.MethodPost, "/checkout")
	for range s.b.N {
		var o struct {
			ID     string `json:"order_id"`
			Token  string `json:"order_token"`
			Amount string `json:"amount"`
		}
		n := s.calls.Add(1)
		if err := json.Unmarshal(c.call(http.StatusCreated, "", []byte(benchCheckout), "Idempotency-Key", benchKey(n)), &o); err != nil {
			panic(err)
		}
		orders = append(orders, placed{o.ID, o.Token, o.Amount})
	}
	s.calls.Store(0)
	return orders
}

func initiateBody(o placed, n int64) []byte {
	return fmt.Appendf(nil, `{"order_id":"%s","amount":"%s","payment_method":"card","idempotency_key":"%s"}`, o.id, o.amount, benchKey(n))
}

// benchPayments starts their payments.
func (s *stand) benchPayments(orders []placed) (ids []string) {
	c := s.caller(http.MethodPost, "/payment/initiate")
	for i, o := range orders {
		var p struct {
			ID string `json:"payment_id"`
		}
		if err := json.Unmarshal(c.call(http.StatusCreated, "", initiateBody(o, int64(i)), "Order-Token", o.token), &p); err != nil {
			panic(err)
		}
		ids = append(ids, p.ID)
	}
	return ids
}

// paidEvent is the event of a session whose buyer has paid, with its signature.
func paidEvent(o placed, payment string) (body []byte, signature string) {
	at := time.Now().Unix()
	body = fmt.Appendf(nil, `{"id":"evt_%[2]s","object":"event","api_version":"2025-03-31.basil","created":%[3]d,"data":{"object":{"id":"cs_test_%[2]s","object":"checkout.session",`+
		`"amount_subtotal":99900,"amount_total":99900,"automatic_tax":{"enabled":false,"liability":null,"status":null},"cancel_url":"https://shop.example/pay/%[1]s","client_reference_id":"%[2]s",`+
		`"created":%[3]d,"currency":"inr","customer":null,"customer_email":"asha@example.com","expires_at":%[4]d,"livemode":false,"metadata":{"order_id":"%[1]s","payment_id":"%[2]s"},"mode":"payment",`+
		`"payment_intent":"pi_%[2]s","payment_method_types":["card"],"payment_status":"paid","status":"complete","success_url":"https://shop.example/pay/%[1]s","url":null}},`+
		`"livemode":false,"pending_webhooks":1,"request":{"id":null,"idempotency_key":null},"type":"checkout.session.completed"}`, o.id, payment, at, at+3600)
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(fmt.Appendf(nil, "%d.%s", at, body))
	return body, fmt.Sprintf("t=%d,v1=%s", at, hex.EncodeToString(mac.Sum(nil)))
}

func BenchmarkAPI(b *testing.B) {
	lock := func(sku string, wanted int) func(*caller, int64) {
		return func(c *caller, n int64) {
			body := fmt.Appendf(nil, `{"session_id":"%s","items":[{"sku":"%s","qty":1}]}`, benchKey(n), sku)
			c.call(wanted, "", body)
		}
	}
	b.Run("nothing", func(b *testing.B) { // what the benchmark itself costs
		s := newStand(b)
		s.run(http.MethodGet, "/docs", func(c *caller, n int64) {
			c.call(http.StatusOK, "", fmt.Appendf(nil, `{"session_id":"%s","items":[{"sku":"%s","qty":1}]}`, benchKey(n), "MUG"))
		})
	})
	b.Run("lock", func(b *testing.B) {
		newStand(b).run(http.MethodPost, "/inventory/lock", lock("MUG", http.StatusCreated))
	})
	b.Run("refusal", func(b *testing.B) {
		newStand(b).run(http.MethodPost, "/inventory/lock", lock("SOLD-OUT", http.StatusConflict))
	})
	b.Run("checkout", func(b *testing.B) {
		newStand(b).run(http.MethodPost, "/checkout", func(c *caller, n int64) {
			c.call(http.StatusCreated, "", []byte(benchCheckout), "Idempotency-Key", benchKey(n))
		})
	})
	b.Run("initiate", func(b *testing.B) {
		s := newStand(b)
		orders := s.benchOrders()
		s.run(http.MethodPost, "/payment/initiate", func(c *caller, n int64) {
			o := orders[n-1]
			c.call(http.StatusCreated, "", initiateBody(o, n), "Order-Token", o.token)
		})
	})
	b.Run("webhook", func(b *testing.B) {
		s := newStand(b)
		orders := s.benchOrders()
		ids := s.benchPayments(orders)
		events := make([]string, len(ids))
		signatures := make([]string, len(ids))
		for i := range ids {
			event, signature := paidEvent(orders[i], ids[i])
			events[i], signatures[i] = string(event), signature
		}
		s.run(http.MethodPost, "/webhooks/stripe", func(c *caller, n int64) {
			c.call(http.StatusOK, "", []byte(events[n-1]), "Stripe-Signature", signatures[n-1])
		})
	})
	b.Run("order", func(b *testing.B) {
		s := newStand(b)
		orders := s.benchOrders()
		s.benchPayments(orders)
		s.run(http.MethodGet, "/orders/x", func(c *caller, n int64) {
			o := orders[n-1]
			c.call(http.StatusOK, "/orders/"+o.id, nil, "Order-Token", o.token)
		})
	})
}

// BenchmarkEngine does what BenchmarkAPI makes the engine do.
func BenchmarkEngine(b *testing.B) {
	do := func(b *testing.B, command func(n int64) engine.Submission) {
		b.Helper()
		s := newStand(b)
		measure(b, func(pb *testing.PB) {
			for pb.Next() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				_, err := s.engine.Submit(ctx, command(s.calls.Add(1)))
				cancel()
				if err != nil && checkout.CodeOf(err) != checkout.CodeOutOfStock {
					panic(err)
				}
			}
		})
	}
	lock := func(sku string) func(n int64) engine.Submission {
		return func(n int64) engine.Submission {
			return engine.Submission{Command: saga.HoldStock{SessionID: benchKey(n), Items: []checkout.Item{{SKU: sku, Qty: 1}}, TTL: 15 * time.Minute}}
		}
	}
	b.Run("lock", func(b *testing.B) { do(b, lock("MUG")) })
	b.Run("refusal", func(b *testing.B) { do(b, lock("SOLD-OUT")) })
	b.Run("checkout", func(b *testing.B) {
		body := []byte(benchCheckout)
		do(b, func(n int64) engine.Submission {
			return engine.Submission{
				Command: saga.PlaceOrder{
					Items: []checkout.Item{{SKU: "MUG", Qty: 1}, {SKU: "SHIRT", Qty: 1}}, Currency: "INR", HoldTTL: 15 * time.Minute,
					Details: checkout.OrderDetails{
						Customer: checkout.Customer{Email: "asha@example.com", Name: "Asha Rao"}, ShippingAddress: &checkout.Address{Name: "Asha Rao"},
					},
				},
				Key: &engine.Key{KeyID: checkout.KeyID{Scope: "bench", Key: benchKey(n)}, RequestHash: "bench"},
				Render: func(saga.Result) (checkout.Answer, error) {
					return checkout.Answer{Status: http.StatusCreated, Body: body}, nil
				},
			}
		})
	})
}
