package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"kassa/bench/textbook"
	"kassa/money"
)

// TextbookCommand is the argument with which this binary serves the textbook's
// shop.
const TextbookCommand = "bench-textbook"

// What a server of the textbook's shop is told by its environment.
const (
	textbookListen = "BENCH_TEXTBOOK_LISTEN"
	textbookStore  = "BENCH_TEXTBOOK_STORE"
	textbookStripe = "BENCH_TEXTBOOK_STRIPE"
)

// textbookKey is the API key of the shop. It lives as long as a run.
const textbookKey = "pk_textbook"

// textbookConfig leaves the number of connections to the shop: with one for each of
// 64 clients, a popular product's row lock made it slower.
func textbookConfig(store, stripeURL string) textbook.Config {
	return textbook.Config{
		URL: store, StripeURL: stripeURL, StripeKey: stripeKey, WebhookSecret: webhookSecret, APIKey: textbookKey,
	}
}

// ServeTextbook serves the textbook's shop until ctx ends: on net/http, with the
// same limits as Kassa's server.
func ServeTextbook(ctx context.Context) (err error) {
	address := os.Getenv(textbookListen)
	if address == "" {
		return errors.New("this is started by kassa bench --compare textbook")
	}
	shop, err := textbook.Open(ctx, textbookConfig(os.Getenv(textbookStore), os.Getenv(textbookStripe)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.Close()) }()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", shop.Handler())
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}
	sweeping, stopSweeping := context.WithCancel(ctx)
	swept := make(chan struct{})
	go func() { shop.ExpireHolds(sweeping); close(swept) }()
	defer func() { stopSweeping(); <-swept }()
	go func() {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience/2)
		defer cancel()
		_ = server.Shutdown(drain) // Serve tells that it was asked for
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// openTextbook opens the textbook's shop on a ground of its own.
func (o *Options) openTextbook(ctx context.Context, s Scenario) (*subject, error) {
	u, err := o.newSubject(ctx, Textbook)
	if err != nil {
		return nil, err
	}
	shop, err := textbook.Open(ctx, textbookConfig(u.ground.url, ""))
	if err != nil {
		return u, err
	}
	u.onClose(shop.Close)
	if err := shop.AddProducts(ctx, textbookProducts(s.goods)); err != nil {
		return u, fmt.Errorf("fill the textbook's shop: %w", err)
	}
	u.audit = func(ctx context.Context) (string, error) {
		found, err := shop.Audit(ctx)
		return orClean(found), err
	}
	if !o.InProcess {
		return u, o.openTextbookServer(ctx, s, u)
	}
	sweeping, stop := context.WithCancel(context.Background())
	swept := make(chan struct{})
	go func() { shop.ExpireHolds(sweeping); close(swept) }()
	u.onClose(func() error { stop(); <-swept; return nil })
	u.work = func(worker int) op { return s.shop(newShopper(shop, s.goods, worker)) }
	return u, nil
}

func (o *Options) openTextbookServer(ctx context.Context, s Scenario, u *subject) error {
	gate, err := startGateway(ctx, "127.0.0.1:0", webhookSecret)
	if err != nil {
		return err
	}
	u.onClose(gate.close)
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	env := map[string]string{textbookListen: address, textbookStore: u.ground.url, textbookStripe: gate.URL}
	f, err := o.startFront(ctx, s, u, gate, textbookKey, []string{TextbookCommand}, env, address)
	if err != nil {
		return err
	}
	u.drive(s, f)
	inner := u.audit
	u.audit = func(ctx context.Context) (string, error) {
		found, err := inner(ctx)
		return alsoSold([]*front{f}, s, found), err
	}
	return nil
}

func textbookProducts(g goods) []textbook.Product {
	out := make([]textbook.Product, g.skus)
	for n := range out {
		out[n] = textbook.Product{SKU: sku(n), Name: product(n).Name, Price: price(n), Currency: currency, Stock: g.stock}
	}
	return out
}

// shopper is a caller of the textbook's shop without HTTP.
type shopper struct {
	shop   *textbook.Shop
	goods  goods
	random *rand.Rand
	number int
	count  int
}

func newShopper(shop *textbook.Shop, on goods, number int) *shopper {
	return &shopper{shop: shop, goods: on, number: number, random: rand.New(rand.NewPCG(rand.Uint64(), uint64(number)))} //nolint:gosec // keys of a benchmark are no secrets
}

func (c *shopper) key() string { return string(appendUUID(nil, c.random)) }

func shopHot(c *shopper) op {
	return func(p *probe) (bool, error) {
		if err := c.shop.Hold(context.Background(), c.key(), sku(0), 1, holdTTL); err != nil {
			return false, err
		}
		p.step(0, p.begun)
		return true, nil
	}
}

func shopHotCheckout(c *shopper) op {
	return func(p *probe) (bool, error) {
		if _, err := c.place(0); err != nil {
			return false, err
		}
		p.step(0, p.begun)
		return true, nil
	}
}

func (c *shopper) place(products ...int) (textbook.Order, error) {
	c.count++
	items := make([]textbook.Item, len(products))
	for i, n := range products {
		items[i] = textbook.Item{SKU: sku(n), Qty: 1}
	}
	address := textbook.Address(home)
	return c.shop.Checkout(context.Background(), textbook.CheckoutRequest{
		IdempotencyKey: c.key(), Items: items, Currency: currency,
		Details: textbook.Details{
			Customer: textbook.Customer{
				Email: "asha." + strconv.Itoa(c.number) + "." + strconv.Itoa(c.count) + "@example.com", Name: "Asha Rao", Phone: "+919845012345",
			},
			ShippingAddress: &address,
		},
	})
}

func shopLifecycle(c *shopper) op {
	return func(p *probe) (bool, error) { return true, c.lifecycle(p) }
}

func (c *shopper) lifecycle(p *probe) error {
	ctx := context.Background()
	first := c.random.IntN(c.goods.skus)
	second := (first + 1 + c.random.IntN(max(c.goods.skus-1, 1))) % c.goods.skus
	o, err := c.place(first, second)
	if err != nil {
		return err
	}
	at := p.step(0, p.begun)
	payment, _, err := c.shop.InitiatePayment(ctx, textbook.InitiateRequest{
		OrderID: o.ID, Amount: money.Literal(money.New(o.Amount, currency).String()), Method: "card", IdempotencyKey: c.key(),
	})
	if err != nil {
		return err
	}
	page := session{
		state: sessionPaid, payment: payment.ID.String(), order: o.ID.String(), email: o.Details.Customer.Email, amount: o.Amount,
		created: at.Unix(), expires: at.Add(sessionTime).Unix(), method: "card",
	}
	if _, err := c.shop.FinishInitiate(ctx, payment, textbook.Session{Ref: page.id(), URL: pageURL + page.id()}); err != nil {
		return err
	}
	at = p.step(1, at)
	err = c.shop.ApplyWebhook(ctx, textbook.Event{
		ID: page.event(), Type: "checkout.session.completed", Payload: page.appendEvent(nil, at.Unix()), PaymentID: payment.ID,
		Status: textbook.PaymentSucceeded, TxnID: page.intent(), Amount: o.Amount, Currency: currency,
	})
	if err != nil {
		return err
	}
	at = p.step(2, at)
	if o, err = c.shop.Order(ctx, o.ID); err != nil {
		return err
	}
	if o.Status != textbook.StatusConfirmed {
		return fmt.Errorf("order %s is %s and not CONFIRMED after its payment", o.ID, o.Status)
	}
	p.step(3, at)
	p.step(4, p.begun)
	return nil
}
