package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"kassa/app"
)

// Target is a server that runs already. Its account named stripe must have this
// benchmark's gateway as its base_url, and WebhookSecret among its secrets.
type Target struct {
	URL           string // http://HOST:PORT
	StorefrontKey string // pk_…: what buyers do
	ServerKey     string // sk_…: puts the benchmark's products on sale; "": they are there
	Gateway       string // address where this benchmark plays the gateway
	WebhookSecret string
	Store         string // to audit afterwards; "": no audit
}

// openTarget readies a server that is not ours. Nothing is removed from it.
func (o *Options) openTarget(ctx context.Context, s Scenario) (*subject, error) {
	t := o.Target
	u := &subject{name: t.URL, workers: o.Concurrency, meter: meter{remote: true}}
	if t.StorefrontKey == "" {
		return u, errors.New("a target needs a storefront's key (pk_…)")
	}
	if !isReady(ctx, t.URL) {
		return u, fmt.Errorf("%s/readyz does not say that a server is ready there", t.URL)
	}
	gate, err := startGateway(ctx, t.Gateway, t.WebhookSecret)
	if err != nil {
		return u, err
	}
	u.onClose(gate.close)
	f, err := o.newFront(t.URL, t.StorefrontKey, s, u, gate)
	if err != nil {
		return u, err
	}
	if t.ServerKey != "" {
		if err := f.stock(ctx, t.ServerKey); err != nil {
			return u, err
		}
	}
	u.drive(s, f)
	u.audit = func(ctx context.Context) (string, error) { return o.auditTarget(ctx) }
	return u, nil
}

func (o *Options) auditTarget(ctx context.Context) (_ string, err error) {
	if o.Target.Store == "" {
		return auditSkipped, nil
	}
	db, err := o.openStore(ctx, &ground{url: o.Target.Store}, app.ReadOnly)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return auditOf(ctx, db)
}

// stockers is how many products are put on sale at once.
const stockers = 32

// stock puts the products on sale over HTTP.
func (f *front) stock(ctx context.Context, key string) error {
	byServer := newFront(f.client.Addr, "Bearer "+key, f.gateway, f.goods)
	defer byServer.client.CloseIdleConnections()
	errs := make([]error, stockers)
	var wg sync.WaitGroup
	for worker := range stockers {
		wg.Go(func() {
			b := byServer.buyer(worker)
			for n := worker; n < f.goods.skus && errs[worker] == nil && ctx.Err() == nil; n += stockers {
				errs[worker] = b.stock(n)
			}
		})
	}
	wg.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// deliverable is the most that the API takes at once.
const deliverable = 1_000_000_000

func (b *buyer) stock(n int) error {
	path := "/products/" + sku(n)
	body := fmt.Sprintf(`{"name":%q,"prices":{%q:"%d.%02d"}}`, product(n).Name, currency, price(n)/100, price(n)%100)
	status, err := b.call(http.MethodPut, path, []byte(body))
	if err != nil {
		return err
	}
	if err := b.expect("PUT "+path, status, http.StatusCreated, http.StatusOK); err != nil {
		return err
	}
	path = "/inventory/" + sku(n) + "/adjust" // a count: it may be there from an earlier run
	body = fmt.Sprintf(`{"warehouse":"main","counted":%d,"reason":"benchmark"}`, min(b.goods.stock, deliverable))
	status, err = b.call(http.MethodPost, path, []byte(body), header{"Idempotency-Key", b.newKey()})
	if err != nil {
		return err
	}
	return b.expect("POST "+path, status, http.StatusOK)
}
