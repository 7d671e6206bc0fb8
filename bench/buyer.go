package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// front is a server under load, by its HTTP API.
type front struct {
	client  *fasthttp.HostClient
	key     string // of a storefront: all of it is what buyers do
	gateway *gateway
	goods   goods
	sold    atomic.Int64 // units that lock got
}

// requestPatience ends a request that is not answered. It is longer than any wait
// of the server's own.
const requestPatience = 60 * time.Second

// maxConnections of one run, one for each worker.
const maxConnections = 10_000

func newFront(host, key string, g *gateway, on goods) *front {
	return &front{key: key, gateway: g, goods: on, client: &fasthttp.HostClient{
		Addr: host, MaxConns: maxConnections, ReadTimeout: requestPatience, WriteTimeout: requestPatience,
		MaxIdleConnDuration: time.Minute, NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
		DisableHeaderNamesNormalizing: true, MaxIdemponentCallAttempts: 1,
	}}
}

// buyer is one worker's client. It has its own buffers, so that a request costs the
// generator little.
type buyer struct {
	*front
	random *rand.Rand
	zipf   *rand.Zipf
	number int // of the worker
	count  int // of its operations
	req    fasthttp.Request
	res    fasthttp.Response
	body   []byte
	page   []byte // a path
}

func (f *front) buyer(number int) *buyer {
	random := rand.New(rand.NewPCG(rand.Uint64(), uint64(number))) //nolint:gosec // keys of a benchmark are no secrets
	return &buyer{front: f, random: random, number: number, zipf: rand.NewZipf(random, zipfExponent, 1, uint64(f.goods.skus-1))}
}

// zipfExponent is how much more the popular products sell: the first sells about
// twice as often as the second.
const zipfExponent = 1.1

// header is one header of a request.
type header struct{ name, value string }

// call makes a request and returns the answer's status. The answer's body is good
// until the next call.
func (b *buyer) call(method, path string, body []byte, headers ...header) (int, error) {
	b.req.Reset()
	b.req.Header.SetMethod(method)
	b.req.SetRequestURI(path)
	b.req.Header.SetHost(b.client.Addr)
	b.req.Header.DisableNormalizing()
	b.req.Header.Set("Authorization", b.key)
	for _, h := range headers {
		b.req.Header.Set(h.name, h.value)
	}
	if body != nil {
		b.req.Header.SetContentType("application/json")
		b.req.SetBodyRaw(body)
	}
	if err := b.client.Do(&b.req, &b.res); err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return b.res.StatusCode(), nil
}

// expect is an error where an answer is not the expected one.
func (b *buyer) expect(what string, status int, wanted ...int) error {
	for _, w := range wanted {
		if status == w {
			return nil
		}
	}
	return fmt.Errorf("%s was answered %d %s", what, status, cut(b.res.Body()))
}

func cut(text []byte) string {
	const most = 300
	text = bytes.TrimSpace(text)
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

// newKey is a random key as clients make them: a UUID.
func (b *buyer) newKey() string {
	return string(appendUUID(nil, b.random))
}

// appendUUID writes a random UUID of version 4, as most clients' keys are.
func appendUUID(b []byte, random *rand.Rand) []byte {
	const digits = "0123456789abcdef"
	high, low := random.Uint64(), random.Uint64()
	for i := range 36 {
		switch i {
		case 8, 13, 18, 23:
			b = append(b, '-')
			continue
		case 14:
			b = append(b, '4')
			continue
		case 19:
			b = append(b, digits[8|low&3])
			low >>= 4
			continue
		}
		if i < 19 {
			b = append(b, digits[high&15])
			high >>= 4
		} else {
			b = append(b, digits[low&15])
			low >>= 4
		}
	}
	return b
}

// pick is a product.
type pick func(b *buyer) int

func anyProduct(b *buyer) int     { return b.random.IntN(b.goods.skus) }
func oneProduct(*buyer) int       { return 0 }
func popularProduct(b *buyer) int { return int(b.zipf.Uint64()) }

// basket is the items of a cart or an order: different products.
func (b *buyer) basket(n int, choose pick) []int {
	picked := make([]int, 0, 2)
	for len(picked) < min(n, b.goods.skus) {
		p := choose(b)
		if len(picked) == 1 && picked[0] == p {
			p = (p + 1) % b.goods.skus
		}
		picked = append(picked, p)
	}
	return picked
}

func appendItems(b []byte, basket []int) []byte {
	b = append(b, `"items":[`...)
	for i, n := range basket {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"sku":"BENCH-`...)
		b = strconv.AppendInt(b, int64(100_000+n), 10)
		b = append(b, `","qty":1}`...)
	}
	return append(b, ']')
}

// placed is what a buyer knows of an order.
type placed struct {
	id, token, amount string
}

// checkoutBody writes a checkout of a basket by a buyer of their own name.
func (b *buyer) checkoutBody(basket []int) []byte {
	b.count++
	out := b.body[:0]
	out = append(out, '{')
	out = appendItems(out, basket)
	out = append(out, `,"currency":"INR","customer":{"email":"asha.`...)
	out = strconv.AppendInt(out, int64(b.number), 10)
	out = append(out, '.')
	out = strconv.AppendInt(out, int64(b.count), 10)
	out = append(out, `@example.com","name":"Asha Rao","phone":"+919845012345"},"shipping_address":{"name":"Asha Rao","line1":"12 MG Road","line2":"Ashok Nagar","city":"Bengaluru","state":"KA","postal_code":"560001","country":"IN"}}`...)
	b.body = out
	return out
}

// checkout places an order. refused tells that the stock has gone.
func (b *buyer) checkout(basket []int, key string) (o placed, refused bool, err error) {
	return b.place(b.checkoutBody(basket), key)
}

func (b *buyer) place(body []byte, key string) (o placed, refused bool, err error) {
	status, err := b.call(http.MethodPost, "/checkout", body, header{"Idempotency-Key", key})
	switch {
	case err != nil:
		return o, false, err
	case status == http.StatusConflict:
		return o, true, nil
	}
	if err := b.expect("POST /checkout", status, http.StatusCreated); err != nil {
		return o, false, err
	}
	answer := b.res.Body()
	o = placed{id: string(field(answer, "order_id")), token: string(field(answer, "order_token")), amount: string(field(answer, "amount"))}
	if o.id == "" || o.amount == "" {
		return o, false, fmt.Errorf("POST /checkout: the answer names no order_id or no amount: %s", cut(answer))
	}
	return o, false, nil
}

// initiate starts a payment and returns its id and status.
func (b *buyer) initiate(o placed, token string) (payment, status string, err error) {
	out := b.body[:0]
	out = append(out, `{"order_id":"`...)
	out = appendAll(out, o.id, `","amount":"`, o.amount, `","payment_method":"card","idempotency_key":"`)
	out = appendUUID(out, b.random)
	if token != "" {
		out = appendAll(out, `","payment_token":"`, token)
	}
	out = append(out, `"}`...)
	b.body = out
	code, err := b.call(http.MethodPost, "/payment/initiate", b.body, header{"Order-Token", o.token})
	if err != nil {
		return "", "", err
	}
	if err := b.expect("POST /payment/initiate", code, http.StatusCreated); err != nil {
		return "", "", err
	}
	answer := b.res.Body()
	return string(field(answer, "payment_id")), string(field(answer, "status")), nil
}

// pay sends the gateway's message that the buyer has paid: times times, as a
// gateway may.
func (b *buyer) pay(payment string, times int) error {
	s, ok := b.gateway.pay(payment)
	if !ok {
		return fmt.Errorf("the gateway was not asked to open a session for payment %s", payment)
	}
	now := time.Now().Unix()
	b.body = s.appendEvent(b.body[:0], now)
	signature := header{"Stripe-Signature", b.gateway.sign(b.body, now)}
	for range times {
		status, err := b.call(http.MethodPost, "/webhooks/"+account, b.body, signature)
		if err != nil {
			return err
		}
		if err := b.expect("POST /webhooks/"+account, status, http.StatusOK); err != nil {
			return err
		}
	}
	b.gateway.forget(payment)
	return nil
}

// confirmed reads the order and sees that it is confirmed.
func (b *buyer) confirmed(o placed) error {
	status, err := b.call(http.MethodGet, b.path("/orders/", o.id), nil, header{"Order-Token", o.token})
	if err != nil {
		return err
	}
	if err := b.expect("GET /orders/{id}", status, http.StatusOK); err != nil {
		return err
	}
	if got := field(b.res.Body(), "status"); string(got) != "CONFIRMED" {
		return fmt.Errorf("GET /orders/{id}: the order is %s and not CONFIRMED after its payment", got)
	}
	return nil
}

func (b *buyer) path(parts ...string) string {
	b.page = appendAll(b.page[:0], parts...)
	return string(b.page)
}

// lock holds one unit for a new session. refused tells that the stock has gone.
func (b *buyer) lock(product int) (refused bool, err error) {
	out := b.body[:0]
	out = append(out, `{"session_id":"`...)
	out = appendUUID(out, b.random)
	out = append(out, `",`...)
	out = appendItems(out, []int{product})
	out = append(out, '}')
	b.body = out
	status, err := b.call(http.MethodPost, "/inventory/lock", b.body)
	if err != nil || status == http.StatusConflict {
		return status == http.StatusConflict, err
	}
	b.sold.Add(1)
	return false, b.expect("POST /inventory/lock", status, http.StatusCreated)
}

// alsoSold adds to an audit whether a product that sold out was sold as often as it
// was there.
func alsoSold(fronts []*front, s Scenario, found string) string {
	var sold int64
	for _, f := range fronts {
		sold += f.sold.Load()
	}
	if s.goods.stock < plenty && sold != s.goods.stock {
		return orClean([]string{fmt.Sprintf("%d units were locked of %d that were there", sold, s.goods.stock)})
	}
	return found
}

// field is a string of a JSON object's own fields, as it is written there; nil
// where there is none. Only what lies at the top is looked at, so that a name
// within a list does not count.
func field(object []byte, name string) []byte {
	depth, key := 0, []byte(nil)
	for i := 0; i < len(object); i++ {
		switch object[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			key = nil
		case '"':
			end := i + 1 + stringEnd(object[i+1:])
			if end > len(object) {
				return nil
			}
			text := object[i+1 : end]
			i = end
			switch {
			case depth != 1:
			case key == nil:
				key = text
			case string(key) == name:
				return text
			}
		}
	}
	return nil
}

// stringEnd is where a JSON string ends, its first quote left out.
func stringEnd(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text) + 1
}
