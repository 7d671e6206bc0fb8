package sandbox

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	sessionOpen     = "open"
	sessionComplete = "complete"
	sessionExpired  = "expired"

	sessionLifeLeast = 30 * time.Minute
	sessionLifeMost  = 24 * time.Hour
)

// session is a Checkout Session: a page on which a buyer pays.
type session struct {
	ID            string
	Status        string
	Created       time.Time
	Expires       time.Time
	Lines         []sessionLine
	Currency      string // lower case
	Total         int64
	MethodTypes   []string
	SuccessURL    string
	CancelURL     string
	Reference     string // client_reference_id
	CustomerEmail string
	Locale        string
	SubmitType    string
	Metadata      map[string]string
	Template      intentTemplate
	PaymentIntent string // made when the buyer first pays
}

// intentTemplate is payment_intent_data: what the session's PaymentIntent will have.
type intentTemplate struct {
	CaptureMethod    string
	Description      string
	ReceiptEmail     string
	SetupFutureUsage string
	Statement        string
	StatementSuffix  string
	Metadata         map[string]string
	Shipping         *shipping
}

// sessionLine is one line item.
type sessionLine struct {
	ID, PriceID, ProductID string
	Name                   string
	Unit, Quantity         int64
}

func (s *session) key() string          { return s.ID }
func (s *session) createdAt() time.Time { return s.Created }

func (c *call) createSession() (any, *apiError) {
	f := c.form
	s := &session{ID: "cs_test_a1" + c.ids.text(56), Status: sessionOpen, Created: c.now, SuccessURL: f.get("success_url"),
		CancelURL: f.get("cancel_url"), Reference: f.get("client_reference_id"), CustomerEmail: f.get("customer_email"),
		Locale: f.get("locale"), SubmitType: f.get("submit_type"), Metadata: mergeMetadata(nil, f.strings("metadata")),
		MethodTypes: []string{methodCardType}, Template: newIntentTemplate(f.at("payment_intent_data"))}
	if customer := f.get("customer"); customer != "" {
		return nil, missing("customer", "customer", customer)
	}
	if err := c.sessionLines(s); err != nil {
		return nil, err
	}
	if err := c.sessionMethods(s); err != nil {
		return nil, err
	}
	if err := c.sessionExpiry(s); err != nil {
		return nil, err
	}
	c.touchSession(s)
	c.stripe.sessions[s.ID] = s
	c.stripe.ordered.add(s)
	c.due.add(s.Expires, dueSession, s.ID)
	return c.renderSession(s, c.expand), nil
}

func newIntentTemplate(f *form) intentTemplate {
	t := intentTemplate{CaptureMethod: "automatic_async", Description: f.get("description"), ReceiptEmail: f.get("receipt_email"),
		SetupFutureUsage: f.get("setup_future_usage"), Statement: f.get("statement_descriptor"),
		StatementSuffix: f.get("statement_descriptor_suffix"), Metadata: mergeMetadata(nil, f.strings("metadata"))}
	if f.has("capture_method") {
		t.CaptureMethod = f.get("capture_method")
	}
	if f.has("shipping") {
		t.Shipping = newShipping(f.at("shipping"))
	}
	return t
}

// sessionLines reads the line items and their sum.
func (c *call) sessionLines(s *session) *apiError {
	items := c.form.list("line_items")
	if len(items) == 0 || len(items) > 100 {
		return paramError("", "line_items", "A Checkout Session takes 1 to 100 line items, but got %d.", len(items))
	}
	s.Currency = strings.ToLower(items[0].get("price_data", "currency"))
	for i, item := range items {
		line := sessionLine{ID: "li_1" + c.ids.text(23), PriceID: "price_1" + c.ids.text(23), ProductID: "prod_" + c.ids.text(14),
			Name: item.get("price_data", "product_data", "name"), Unit: item.number("price_data", "unit_amount"), Quantity: item.number("quantity")}
		name := "line_items[" + strconv.Itoa(i) + "]"
		if strings.ToLower(item.get("price_data", "currency")) != s.Currency {
			return paramError("", name+"[price_data][currency]", "All line items must have the same currency.")
		}
		if line.Quantity > maximumCharge(s.Currency) || line.Unit > maximumCharge(s.Currency)/line.Quantity {
			return paramError("amount_too_large", name, "The line's amount must be no more than %s", display(maximumCharge(s.Currency), s.Currency))
		}
		s.Lines = append(s.Lines, line)
		s.Total += line.Unit * line.Quantity
	}
	if code := strings.ToLower(c.form.get("currency")); code != "" && code != s.Currency {
		return paramError("", "currency", "The currency must be that of the line items: %s.", s.Currency)
	}
	return checkAmount("The Checkout Session's total amount", "line_items", s.Currency, s.Total)
}

func (c *call) sessionMethods(s *session) *apiError {
	if types := c.form.texts("payment_method_types"); len(types) > 0 {
		s.MethodTypes = types
	}
	return checkMethodTypes(s.MethodTypes, s.Currency)
}

// sessionExpiry reads when the session ends: 30 minutes to 24 hours from now, the latter by default.
func (c *call) sessionExpiry(s *session) *apiError {
	s.Expires = s.Created.Add(sessionLifeMost)
	if c.form.has("expires_at") {
		s.Expires = time.Unix(c.form.number("expires_at"), 0).UTC()
	}
	switch life := s.Expires.Sub(s.Created); {
	case life < sessionLifeLeast:
		return paramError("", "expires_at", "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.")
	case life > sessionLifeMost:
		return paramError("", "expires_at", "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.")
	}
	return nil
}

// session finds the Checkout Session that the path names.
func (c *call) session() (*session, *apiError) {
	s := c.stripe.sessions[c.id]
	if s == nil {
		return nil, missing("checkout.session", "session", c.id)
	}
	return s, nil
}

func (c *call) getSession() (any, *apiError) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	return c.renderSession(s, c.expand), nil
}

func (c *call) sessionItems() (any, *apiError) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	q, err := newPageQuery(c.form)
	if err != nil {
		return nil, err
	}
	all := s.renderLines()
	if q.after != "" {
		at := slices.IndexFunc(s.Lines, func(l sessionLine) bool { return l.ID == q.after })
		if at < 0 {
			return nil, missing("item", "starting_after", q.after)
		}
		all.Data = all.Data[at+1:]
	}
	if all.HasMore = len(all.Data) > q.limit; all.HasMore {
		all.Data = all.Data[:q.limit]
	}
	return all, nil
}

func (c *call) expireSession() (any, *apiError) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	if s.Status != sessionOpen {
		return nil, refused("", "", "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `%s`.", s.Status)
	}
	c.tx.expireSession(s)
	return c.renderSession(s, c.expand), nil
}

func (c *call) listSessions() (any, *apiError) {
	f := c.form
	return page(c, c.stripe.ordered, "checkout.session", func(s *session) bool {
		return (!f.has("payment_intent") || s.PaymentIntent == f.get("payment_intent")) && (!f.has("status") || s.Status == f.get("status")) &&
			(!f.has("customer_details") || s.CustomerEmail == f.get("customer_details", "email"))
	}, c.renderSession)
}

// expireSession ends an open session, and with it the PaymentIntent of an earlier try on its page.
func (tx *tx) expireSession(s *session) {
	tx.touchSession(s)
	s.Status = sessionExpired
	if pi, ok := tx.stripe.intents.find(s.PaymentIntent); ok {
		tx.cancel(pi, cancelAutomatic)
	}
	tx.emit("checkout.session.expired", tx.renderSession(s, nil))
}

// sessionPaid completes the open session of an intent whose buyer has done all that there is to do.
func (tx *tx) sessionPaid(pi *paymentIntent) {
	if s := tx.stripe.sessions[pi.Session]; s != nil && s.Status == sessionOpen {
		tx.touchSession(s)
		s.Status = sessionComplete
		tx.emit("checkout.session.completed", tx.renderSession(s, nil))
	}
}

// sessionSettled tells how a delayed payment of a session ended.
func (tx *tx) sessionSettled(pi *paymentIntent, kind string) {
	if s := tx.stripe.sessions[pi.Session]; s != nil {
		tx.emit(kind, tx.renderSession(s, nil))
	}
}

// sessionIntent is the session's PaymentIntent, made now where the buyer pays for the first time.
func (tx *tx) sessionIntent(s *session) *paymentIntent {
	if pi, ok := tx.stripe.intents.find(s.PaymentIntent); ok {
		return pi
	}
	t := s.Template
	core := &intent{ID: tx.ids.stripe("pi"), Gateway: gatewayStripe, Amount: s.Total, Currency: strings.ToUpper(s.Currency), Created: tx.now,
		Metadata: t.Metadata}
	pi := &paymentIntent{Core: core, ClientSecret: core.ID + "_secret_" + tx.ids.text(25), CaptureMethod: t.CaptureMethod, Secure: secureAutomatic,
		MethodTypes: s.MethodTypes, Description: t.Description, ReceiptEmail: t.ReceiptEmail, SetupFutureUsage: t.SetupFutureUsage,
		StatementDescriptor: t.Statement, StatementSuffix: t.StatementSuffix, Shipping: t.Shipping, Session: s.ID,
		ReturnURL: tx.publicURL + "/c/pay/" + s.ID}
	tx.touchSession(s)
	s.PaymentIntent = core.ID
	tx.openIntent(pi)
	return pi
}

func (tx *tx) renderSession(s *session, e expand) *sessionObject {
	o := &sessionObject{ID: s.ID, Object: "checkout.session", AmountSubtotal: s.Total, AmountTotal: s.Total, CancelURL: orNull(s.CancelURL),
		ClientReferenceID: orNull(s.Reference), Created: s.Created.Unix(), Currency: s.Currency, CustomFields: []any{},
		CustomerEmail: orNull(s.CustomerEmail), Discounts: []any{}, ExpiresAt: s.Expires.Unix(), Locale: orNull(s.Locale),
		CustomerCreation: orNull("if_required"), Metadata: s.Metadata, Mode: "payment", PaymentMethodCollection: "if_required",
		PaymentMethodTypes: s.MethodTypes, PaymentStatus: "unpaid", PhoneNumberCollection: map[string]bool{"enabled": false},
		ShippingOptions: []any{}, Status: s.Status, SubmitType: orNull(s.SubmitType), SuccessURL: orNull(s.SuccessURL), UIMode: "hosted_page"}
	if s.Status == sessionOpen {
		url := tx.publicURL + "/c/pay/" + s.ID
		o.URL = &url
	}
	if s.CustomerEmail != "" || s.Status == sessionComplete {
		o.CustomerDetails = &customerDetails{Email: orNull(s.CustomerEmail), TaxExempt: "none", TaxIDs: []any{}}
	}
	if pi, ok := tx.stripe.intents.find(s.PaymentIntent); ok {
		o.PaymentIntent = s.PaymentIntent
		if e.has("payment_intent") {
			o.PaymentIntent = tx.renderIntent(pi, e.under("payment_intent"))
		}
		if pi.Core.state() == stateCaptured {
			o.PaymentStatus = "paid"
		}
	}
	if e.has("line_items") {
		o.LineItems = s.renderLines()
	}
	return o
}

func (s *session) renderLines() *list {
	l := &list{Object: "list", Data: []any{}, URL: "/v1/checkout/sessions/" + s.ID + "/line_items"}
	for _, line := range s.Lines {
		l.Data = append(l.Data, &lineItemObject{ID: line.ID, Object: "item", AmountSubtotal: line.Unit * line.Quantity,
			AmountTotal: line.Unit * line.Quantity, Currency: s.Currency, Description: line.Name, Quantity: line.Quantity,
			Price: priceObject{ID: line.PriceID, Object: "price", BillingScheme: "per_unit", Created: s.Created.Unix(), Currency: s.Currency,
				Metadata: map[string]string{}, Product: line.ProductID, TaxBehavior: "unspecified", Type: "one_time", UnitAmount: line.Unit,
				UnitAmountDecimal: strconv.FormatInt(line.Unit, 10)}})
	}
	return l
}
