package stripe

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/gateway"
)

// A search by our own id reads lists, because Stripe's search lags behind by up
// to a minute and is not offered everywhere.
const (
	searchSlack = 5 * time.Minute // clocks differ
	pageSize    = 100             // Stripe's most
	maxListed   = 10 * pageSize
)

// LookUp reads the attempt by its reference, or searches for it.
func (a *account) LookUp(ctx context.Context, req gateway.LookUpRequest) (checkout.PaymentReport, error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	return a.lookUp(ctx, req)
}

func (a *account) lookUp(ctx context.Context, req gateway.LookUpRequest) (checkout.PaymentReport, error) {
	if session := sessionRef(req); session != "" {
		return a.readSession(ctx, req.PaymentID, session)
	}
	if intent := intentRef(req); intent != "" {
		return a.readIntent(ctx, req.PaymentID, intent)
	}
	if !unreferenced(req) {
		return checkout.PaymentReport{}, a.foreign(req)
	}
	return a.search(ctx, req)
}

// unreferenced tells that every answer about an attempt was lost.
func unreferenced(req gateway.LookUpRequest) bool { return req.GatewayRef == "" && req.ChargeID == "" }

// foreign is the refusal of references that Stripe cannot have given.
func (a *account) foreign(req gateway.LookUpRequest) error {
	return a.refuse("no_reference", fmt.Sprintf("payment %s has no reference of Stripe's (cs_… or pi_…)", req.PaymentID))
}

// sessionRef is the attempt's Checkout Session, "" where there is none or it is
// not known.
func sessionRef(req gateway.LookUpRequest) string {
	if strings.HasPrefix(req.GatewayRef, "cs_") {
		return req.GatewayRef
	}
	return ""
}

// intentRef is the attempt's PaymentIntent, "" where it is not known.
func intentRef(req gateway.LookUpRequest) string {
	for _, ref := range []string{req.ChargeID, req.GatewayRef} {
		if strings.HasPrefix(ref, "pi_") {
			return ref
		}
	}
	return ""
}

func (a *account) readIntent(ctx context.Context, payment checkout.ID, id string) (checkout.PaymentReport, error) {
	var pi intent
	if err := a.call(ctx, get(intentPath(id), expanded("latest_charge")), &pi); err != nil {
		return checkout.PaymentReport{}, a.fail(err)
	}
	return a.answered(payment, a.fromIntent(&pi))
}

func (a *account) readSession(ctx context.Context, payment checkout.ID, id string) (checkout.PaymentReport, error) {
	var s session
	if err := a.call(ctx, get(sessionPath(id), expanded("payment_intent.latest_charge")), &s); err != nil {
		return checkout.PaymentReport{}, a.fail(err)
	}
	return a.answered(payment, a.fromSession(&s))
}

// expanded asks for an object where only its id would come.
func expanded(what string) (f form) {
	f.add("expand[0]", what)
	return f
}

func intentPath(id string) string  { return "/v1/payment_intents/" + url.PathEscape(id) }
func sessionPath(id string) string { return "/v1/checkout/sessions/" + url.PathEscape(id) }

// search finds an attempt by our id. Only complete lists without it make it
// certain that there is none. Of several, which repeated creates can leave, the
// one counts that got furthest.
func (a *account) search(ctx context.Context, req gateway.LookUpRequest) (checkout.PaymentReport, error) {
	best := checkout.PaymentReport{PaymentID: req.PaymentID, Gateway: a.config.Name, NotFound: true}
	consider := func(report checkout.PaymentReport) {
		if report.PaymentID == req.PaymentID && (best.NotFound || rank[report.Status] > rank[best.Status]) {
			best = report
		}
	}
	if err := a.listSessions(ctx, req.CreatedAt, consider); err != nil {
		return checkout.PaymentReport{}, err
	}
	if !best.NotFound {
		return best, nil
	}
	if err := a.listIntents(ctx, req.CreatedAt, consider); err != nil {
		return checkout.PaymentReport{}, err
	}
	return best, nil
}

// rank orders states by how much money they mean.
var rank = map[checkout.PaymentStatus]int{
	checkout.PaymentFailed: 1, checkout.PaymentVoided: 2, checkout.PaymentPending: 3,
	checkout.PaymentAuthorized: 4, checkout.PaymentSucceeded: 5,
}

func (a *account) listSessions(ctx context.Context, since time.Time, consider func(checkout.PaymentReport)) error {
	f := expanded("data.payment_intent.latest_charge")
	f.addSince(since)
	return each(ctx, a, "/v1/checkout/sessions", f, func(s *session) string { return s.ID }, func(s *session) { consider(a.fromSession(s)) })
}

func (a *account) listIntents(ctx context.Context, since time.Time, consider func(checkout.PaymentReport)) error {
	f := expanded("data.latest_charge")
	f.addSince(since)
	return each(ctx, a, "/v1/payment_intents", f, func(pi *intent) string { return pi.ID }, func(pi *intent) { consider(a.fromIntent(pi)) })
}

func (f *form) addSince(since time.Time) {
	if !since.IsZero() {
		f.addInt("created[gte]", since.Add(-searchSlack).Unix())
	}
}
