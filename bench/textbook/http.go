package textbook

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

const maxBody = 1 << 20 // bytes

// reply is a status and a body: a value for encoding/json, or bytes as they are.
type reply struct {
	status   int
	body     any
	replayed bool
}

// Handler answers Kassa's routes that a benchmark drives, with the same shapes.
func (s *Shop) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(*http.Request) (reply, error){
		"POST /inventory/lock":   s.postLock,
		"POST /inventory/unlock": s.postUnlock,
		"POST /carts":            s.postCart,
		"GET /carts/{id}":        s.getCart,
		"PUT /carts/{id}":        s.putCart,
		"POST /checkout":         s.postCheckout,
		"POST /payment/initiate": s.postInitiate,
		"GET /orders/{id}":       s.getOrder,
	} {
		mux.HandleFunc(pattern, s.forKeyHolders(handle))
	}
	mux.HandleFunc("POST /webhooks/{account}", answered(s.postWebhook))
	return mux
}

func (s *Shop) forKeyHolders(handle func(*http.Request) (reply, error)) http.HandlerFunc {
	wanted := []byte("Bearer " + s.config.APIKey)
	return answered(func(r *http.Request) (reply, error) {
		if !hmac.Equal([]byte(r.Header.Get("Authorization")), wanted) {
			return reply{}, refuse(codeUnauthorized, "send the API key as Authorization: Bearer …")
		}
		return handle(r)
	})
}

// answered writes what a handler says.
func answered(handle func(*http.Request) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		out, err := handle(r)
		if err != nil {
			out = problem(r.Context(), err)
			w.Header().Set("Content-Type", "application/problem+json")
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		if out.replayed {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		body, ok := out.body.([]byte)
		if !ok {
			body = []byte(encode(out.body))
		}
		w.WriteHeader(out.status)
		_, _ = w.Write(body) // the caller may have left
	}
}

// read decodes a body strictly.
func read(r *http.Request, into any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return refuse(codeUnreadable, "the body is not what this call takes: %s", err)
	}
	return nil
}

func (s *Shop) postLock(r *http.Request) (reply, error) {
	var in struct {
		SessionID  string `json:"session_id"`
		Items      []Item `json:"items"`
		TTLSeconds int    `json:"ttl_seconds"`
	}
	if err := read(r, &in); err != nil {
		return reply{}, err
	}
	ttl := time.Duration(in.TTLSeconds) * time.Second
	switch {
	case in.TTLSeconds == 0:
		ttl = holdTTL
	case in.TTLSeconds < 30 || in.TTLSeconds > 1800:
		return reply{}, invalid("ttl_seconds", "must be 30 to 1800")
	}
	switch {
	case in.SessionID == "":
		in.SessionID = "s_" + rand.Text()
	case len(in.SessionID) < 16 || len(in.SessionID) > 128:
		return reply{}, invalid("session_id", "must have 16 to 128 characters")
	}
	if err := checkItems(in.Items); err != nil {
		return reply{}, err
	}
	l, existing, err := s.hold(r.Context(), in.SessionID, summed(in.Items), ttl)
	if err != nil {
		return reply{}, err
	}
	return reply{status: created(existing), body: renderLock(in.SessionID, l)}, nil
}

func created(existing bool) int {
	if existing {
		return http.StatusOK
	}
	return http.StatusCreated
}

func (s *Shop) postUnlock(r *http.Request) (reply, error) {
	var in struct {
		SessionID string `json:"session_id"`
	}
	if err := read(r, &in); err != nil {
		return reply{}, err
	}
	if in.SessionID == "" {
		return reply{}, invalid("session_id", "is required")
	}
	if err := s.Release(r.Context(), in.SessionID); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: unlockBody{in.SessionID, "RELEASED"}}, nil
}

func (s *Shop) postCheckout(r *http.Request) (reply, error) {
	in := CheckoutRequest{IdempotencyKey: r.Header.Get("Idempotency-Key")}
	if err := read(r, &in); err != nil {
		return reply{}, err
	}
	if err := checkOrder(&in); err != nil {
		return reply{}, err
	}
	_, answer, replayed, err := s.place(r.Context(), in)
	return reply{http.StatusCreated, answer, replayed}, err
}

// postInitiate calls the gateway between two transactions.
func (s *Shop) postInitiate(r *http.Request) (reply, error) {
	in, err := readInitiate(r)
	if err != nil {
		return reply{}, err
	}
	ctx := r.Context()
	p, existing, err := s.InitiatePayment(ctx, in)
	if err != nil {
		return reply{}, err
	}
	if p.Status == PaymentInitiated {
		if p, err = s.callGateway(ctx, p, in.ReturnURL); err != nil {
			return reply{}, err
		}
	}
	if p.Status == PaymentInitiated {
		body := renderPayment(&p)
		body.Status = PaymentPending
		return reply{status: http.StatusAccepted, body: body}, nil
	}
	return reply{created(existing), renderPayment(&p), existing}, nil
}

// callGateway opens the gateway's page. Where its answer is not known the payment
// stays INITIATED, and a repeat with the same key calls again.
func (s *Shop) callGateway(ctx context.Context, p Payment, returnURL string) (Payment, error) {
	session, err := s.createSession(ctx, p, returnURL)
	if code, message, ok := declined(err); ok {
		return s.failInitiate(ctx, p, code, message)
	}
	if err != nil {
		slog.WarnContext(ctx, "textbook: the gateway's answer is not known", "payment_id", p.ID, "error", err)
		return p, nil
	}
	return s.FinishInitiate(ctx, p, session)
}

func readInitiate(r *http.Request) (InitiateRequest, error) {
	var in struct {
		OrderIDCamel uuid.UUID `json:"orderId"`
		Gateway      string    `json:"gateway"`
		Token        string    `json:"payment_token"`
		InitiateRequest
	}
	if err := read(r, &in); err != nil {
		return in.InitiateRequest, err
	}
	if in.OrderID == uuid.Nil {
		in.OrderID = in.OrderIDCamel
	}
	if in.IdempotencyKey == "" {
		in.IdempotencyKey = r.Header.Get("Idempotency-Key")
	}
	switch {
	case in.OrderID == uuid.Nil:
		return in.InitiateRequest, invalid("order_id", "is required")
	case in.Token != "" || in.Gateway != "" && in.Gateway != stripeAccount:
		return in.InitiateRequest, refuse(codeMethodUnavailable, "payments are made on Stripe's page alone")
	}
	return in.InitiateRequest, nil
}

func (s *Shop) postWebhook(r *http.Request) (reply, error) {
	if r.PathValue("account") != stripeAccount {
		return reply{}, refuse(codeNotFound, "there is no such gateway account")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return reply{}, refuse(codeUnreadable, "the body could not be read to its end")
	}
	event, err := s.parseWebhook(r.Header, body)
	if err != nil {
		return reply{}, refuse(codeUnreadable, "the signature is missing, wrong or stale, or the message is none of Stripe's; nothing was stored")
	}
	if err := s.ApplyWebhook(r.Context(), event); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: receivedBody{true}}, nil
}

func (s *Shop) getOrder(r *http.Request) (reply, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return reply{}, refuse(codeNotFound, "there is no such order")
	}
	o, err := s.Order(r.Context(), id)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: renderOrder(&o)}, nil
}

// orderToken is the capability to read and pay one order. The shop's key needs
// none, but every checkout answers one, as Kassa's does.
func (s *Shop) orderToken(order uuid.UUID) string {
	mac := hmac.New(sha256.New, []byte(s.config.APIKey))
	mac.Write([]byte("order_token:" + order.String()))
	return "ot_" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// checkItems wants each quantity in bounds.
func checkItems(items []Item) error {
	if len(items) == 0 || len(items) > 200 {
		return invalid("items", "must have 1 to 200 entries")
	}
	for _, it := range items {
		if it.SKU == "" || len(it.SKU) > 64 || it.Qty < 1 || it.Qty > maxQty {
			return invalid("items", "each needs a sku of 1 to 64 characters and a qty of 1 to 100000")
		}
	}
	return nil
}

func checkOrder(in *CheckoutRequest) error {
	switch c, a := in.Customer, in.ShippingAddress; {
	case len(in.IdempotencyKey) > 255:
		return refuse(codeUnreadable, "send an Idempotency-Key of at most 255 characters")
	case !strings.Contains(c.Email, "@") || len(c.Email) > 254:
		return invalid("customer.email", "must be an e-mail address")
	case c.Name == "" || len(c.Name) > 200:
		return invalid("customer.name", "must have 1 to 200 characters")
	case a == nil:
		return invalid("shipping_address", "is required")
	case a.Name == "" || a.Line1 == "" || a.City == "" || len(a.Country) != 2:
		return invalid("shipping_address", "needs a name, line1, city and country")
	}
	return checkItems(in.Items)
}
