package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"kassa/checkout"
)

// gateway plays Stripe: it answers the adapter's calls at once, and signs the
// events that a buyer's worker then sends. It remembers a session until its server
// has heard how it ended, so that a long run needs little memory.
type gateway struct {
	URL      string
	server   *fasthttp.Server
	listener net.Listener
	ended    chan error
	secret   string

	mu   sync.Mutex
	open map[string]*session // by our payment's id
}

// sessionState is how far a Checkout Session has got.
type sessionState int

const (
	sessionOpen sessionState = iota
	sessionPaid
	sessionExpired
)

// session is a Checkout Session.
type session struct {
	state          sessionState
	payment, order string
	email          string
	amount         int64 // minor units
	created        int64 // unix seconds
	expires        int64
	method         string
	returnURL      string
}

// startGateway listens on an address, port 0 for a free one.
func startGateway(ctx context.Context, address, secret string) (*gateway, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen as the gateway: %w", err)
	}
	g := &gateway{
		URL: "http://" + l.Addr().String(), listener: l, ended: make(chan error, 1),
		secret: secret, open: map[string]*session{},
	}
	g.server = &fasthttp.Server{Handler: g.handle, NoDefaultServerHeader: true, DisablePreParseMultipartForm: true, Logger: quiet{}}
	go func() { g.ended <- g.server.Serve(l) }()
	return g, nil
}

// quiet drops what fasthttp says of connections that end.
type quiet struct{}

// Printf drops a message.
func (quiet) Printf(string, ...any) {}

func (g *gateway) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := g.server.ShutdownWithContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // connections that the server under test keeps open
	}
	return err
}

func (g *gateway) handle(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set("Request-Id", "req_bench")
	rest, isSession := strings.CutPrefix(path, "/v1/checkout/sessions")
	switch {
	case isSession && rest == "" && ctx.IsPost():
		g.createSession(ctx)
	case isSession:
		g.readSession(ctx, strings.TrimPrefix(rest, "/"))
	case path == "/v1/payment_intents" && ctx.IsPost():
		g.declineIntent(ctx)
	default:
		g.unknown(ctx, path)
	}
}

// createSession opens a page for a buyer.
func (g *gateway) createSession(ctx *fasthttp.RequestCtx) {
	form := ctx.PostArgs()
	s := &session{
		payment: string(form.Peek("metadata[payment_id]")), order: string(form.Peek("metadata[order_id]")),
		email: string(form.Peek("customer_email")), amount: lineTotal(form), created: time.Now().Unix(),
		expires: int64(form.GetUintOrZero("expires_at")), method: string(form.Peek("payment_method_types[0]")),
		returnURL: string(form.Peek("success_url")),
	}
	if s.payment == "" || s.order == "" || s.amount == 0 {
		refuse(ctx, fasthttp.StatusBadRequest, "parameter_missing", "metadata[payment_id], metadata[order_id] and line_items are needed")
		return
	}
	g.mu.Lock()
	g.open[s.payment] = s
	g.mu.Unlock()
	ctx.SetBody(s.appendJSON(nil))
}

// lineTotal adds up the lines, as Stripe does.
func lineTotal(form *fasthttp.Args) int64 {
	var sum int64
	for i := 0; ; i++ {
		at := "line_items[" + strconv.Itoa(i) + "]"
		unit := form.GetUintOrZero(at + "[price_data][unit_amount]")
		if unit == 0 {
			return sum
		}
		sum += int64(unit) * int64(max(form.GetUintOrZero(at+"[quantity]"), 1))
	}
}

// readSession answers a look-up, and ends a page that its buyer has left.
func (g *gateway) readSession(ctx *fasthttp.RequestCtx, rest string) {
	id, act, _ := strings.Cut(rest, "/")
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.open[paymentOf(id)]
	switch {
	case s == nil:
		refuse(ctx, fasthttp.StatusNotFound, "resource_missing", "No such checkout.session: '"+id+"'")
		return
	case act == "expire" && s.state != sessionOpen:
		refuse(ctx, fasthttp.StatusBadRequest, "", `Only Checkout Sessions with a status in ["open"] can be expired.`)
		return
	case act == "expire":
		s.state = sessionExpired
	}
	ctx.SetBody(s.appendJSON(nil))
}

// declineIntent is the bank that says no: the only token that workers use is a
// declined card's.
func (g *gateway) declineIntent(ctx *fasthttp.RequestCtx) {
	refuse(ctx, fasthttp.StatusPaymentRequired, "card_declined", "Your card was declined.")
}

func (g *gateway) unknown(ctx *fasthttp.RequestCtx, path string) {
	refuse(ctx, fasthttp.StatusNotFound, "", "Unrecognized request URL ("+string(ctx.Method())+": "+path+").")
}

func refuse(ctx *fasthttp.RequestCtx, status int, code, message string) {
	kind := "invalid_request_error"
	if status == fasthttp.StatusPaymentRequired {
		kind = "card_error"
	}
	ctx.SetStatusCode(status)
	ctx.SetBodyString(fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":%q}}`, kind, code, message))
}

// pay is the buyer who pays on a payment's page.
func (g *gateway) pay(payment string) (*session, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.open[payment]
	if ok {
		s.state = sessionPaid
	}
	return s, ok
}

// forget drops a session whose end the server has heard of.
func (g *gateway) forget(payment string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, payment)
}

var idText = base32.HexEncoding.WithPadding(base32.NoPadding)

// tail is the payment's id in 26 characters, about as long as the ends of Stripe's
// ids.
func (s *session) tail() string {
	id, err := checkout.ParseID(s.payment)
	if err != nil {
		return s.payment
	}
	return idText.EncodeToString(id[:])
}

// paymentOf is the payment that a session's id follows from, "" for a foreign one.
func paymentOf(session string) string {
	tail := strings.TrimPrefix(session, sessionPrefix)
	if len(tail) < tailLen {
		return ""
	}
	var id checkout.ID
	if n, err := idText.Decode(id[:], []byte(tail[:tailLen])); err != nil || n != len(id) {
		return ""
	}
	return id.String()
}

const (
	sessionPrefix = "cs_test_"
	sessionSuffix = "hHbQ0LkR7vWnXy2ZpTcDfGjKmNqSuVwA"
	tailLen       = 26
)

// The ids follow from the payment's, and are about as long as Stripe's own.
func (s *session) id() string     { return sessionPrefix + s.tail() + sessionSuffix }
func (s *session) intent() string { return "pi_" + s.tail() }
func (s *session) event() string  { return "evt_" + s.tail() }

// appendJSON writes the session as Stripe does, with every field that it sends.
func (s *session) appendJSON(b []byte) []byte {
	status, payment, intent, address := "open", "unpaid", "null", `"`+pageURL+s.id()+`"`
	switch s.state {
	case sessionPaid:
		status, payment, intent, address = "complete", "paid", `"`+s.intent()+`"`, "null"
	case sessionExpired:
		status, address = "expired", "null"
	}
	amount := strconv.FormatInt(s.amount, 10)
	b = appendAll(b, `{"id":"`, s.id(), `","object":"checkout.session","adaptive_pricing":{"enabled":false},"after_expiration":null,"allow_promotion_codes":null,"amount_subtotal":`,
		amount, `,"amount_total":`, amount, `,"automatic_tax":{"enabled":false,"liability":null,"provider":null,"status":null},"billing_address_collection":null,"cancel_url":"`, s.returnURL,
		`","client_reference_id":"`, s.payment, `","client_secret":null,"collected_information":{"shipping_details":null},"consent":null,"consent_collection":null,"created":`)
	b = strconv.AppendInt(b, s.created, 10)
	b = appendAll(b, `,"currency":"inr","currency_conversion":null,"custom_fields":[],"custom_text":{"after_submit":null,"shipping_address":null,"submit":null,"terms_of_service_acceptance":null},`,
		`"customer":null,"customer_creation":"if_required","customer_details":{"address":null,"email":"`, s.email, `","name":null,"phone":null,"tax_exempt":"none","tax_ids":[]},"customer_email":"`, s.email,
		`","discounts":[],"expires_at":`)
	b = strconv.AppendInt(b, s.expires, 10)
	return appendAll(b, `,"invoice":null,"invoice_creation":{"enabled":false},"livemode":false,"locale":null,"metadata":{"order_id":"`, s.order, `","payment_id":"`, s.payment,
		`"},"mode":"payment","origin_context":null,"payment_intent":`, intent, `,"payment_link":null,"payment_method_collection":"if_required","payment_method_configuration_details":null,"payment_method_options":{},`,
		`"payment_method_types":["`, s.method, `"],"payment_status":"`, payment, `","permissions":null,"phone_number_collection":{"enabled":false},"recovered_from":null,"saved_payment_method_options":null,`,
		`"setup_intent":null,"shipping_address_collection":null,"shipping_cost":null,"shipping_options":[],"status":"`, status, `","submit_type":null,"subscription":null,"success_url":"`, s.returnURL,
		`","total_details":{"amount_discount":0,"amount_shipping":0,"amount_tax":0},"ui_mode":"hosted_page","url":`, address, `,"wallet_options":null}`)
}

const pageURL = "https://checkout.stripe.com/c/pay/"

func appendAll(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// appendEvent writes the event that says that the session is paid.
func (s *session) appendEvent(b []byte, now int64) []byte {
	b = appendAll(b, `{"id":"`, s.event(), `","object":"event","api_version":"2026-03-25.dahlia","created":`)
	b = strconv.AppendInt(b, now, 10)
	b = append(b, `,"data":{"object":`...)
	b = s.appendJSON(b)
	return append(b, `},"livemode":false,"pending_webhooks":1,"request":{"id":null,"idempotency_key":null},"type":"checkout.session.completed"}`...)
}

// sign is the value of the Stripe-Signature header for a body.
func (g *gateway) sign(body []byte, now int64) string {
	at := strconv.FormatInt(now, 10)
	mac := hmac.New(sha256.New, []byte(g.secret))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
