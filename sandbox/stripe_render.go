package sandbox

import (
	"slices"
	"strings"
)

// expand is the list of fields to send whole instead of by id: latest_charge, payment_intent.latest_charge, ….
type expand []string

// expandable names what may be expanded. Fields that are always null here expand to null.
var expandable = map[string]string{
	"latest_charge": "charge", "payment_intent": "intent", "payment_method": "method", "charge": "charge", "refunds": "refunds",
	"line_items": "line_items", "data": "any", "customer": "", "balance_transaction": "", "application": "", "review": "",
	"on_behalf_of": "", "invoice": "", "subscription": "", "setup_intent": "", "payment_link": "", "transfer": "",
	"application_fee": "", "failure_balance_transaction": "", "source_transfer": "", "transfer_data": "", "object": "any",
}

// expandList takes expand[].
func expandList() param {
	return array(param{check: func(_ string, f *form) *apiError {
		parts := strings.Split(f.text, ".")
		if len(parts) > 4 {
			return paramError("property_expansion_max_depth", "expand", "You cannot expand more than 4 levels of a property. Property: %s", f.text)
		}
		for _, part := range parts {
			if _, known := expandable[part]; !known {
				return paramError("", "expand", "This property cannot be expanded (%s).", f.text)
			}
		}
		return nil
	}})
}

// has says whether a field is to be expanded.
func (e expand) has(field string) bool {
	return slices.ContainsFunc(e, func(path string) bool { return path == field || strings.HasPrefix(path, field+".") })
}

// under is what to expand within a field.
func (e expand) under(field string) expand {
	var inner expand
	for _, path := range e {
		if rest, ok := strings.CutPrefix(path, field+"."); ok {
			inner = append(inner, rest)
		}
	}
	return inner
}

func (tx *tx) renderIntent(pi *paymentIntent, e expand) *intentObject {
	core := pi.Core
	o := &intentObject{ID: core.ID, Object: "payment_intent", Amount: core.Amount, AmountReceived: pi.received(),
		CancellationReason: orNull(pi.CancelReason), CaptureMethod: pi.CaptureMethod, ClientSecret: pi.ClientSecret,
		ConfirmationMethod: "automatic", Created: core.Created.Unix(), Currency: strings.ToLower(core.Currency),
		Description: orNull(pi.Description), LastPaymentError: pi.LastError, Metadata: core.Metadata, NextAction: tx.nextAction(pi),
		PaymentMethodTypes: pi.MethodTypes, ReceiptEmail: orNull(pi.ReceiptEmail), SetupFutureUsage: orNull(pi.SetupFutureUsage),
		Shipping: pi.Shipping, StatementDescriptor: orNull(pi.StatementDescriptor), StatementDescriptorSuffix: orNull(pi.StatementSuffix),
		Status: pi.status()}
	if pi.Automatic {
		o.AutomaticPaymentMethods = &automaticMethods{AllowRedirects: pi.Redirects, Enabled: true}
	}
	if slices.Contains(pi.MethodTypes, methodCardType) {
		o.PaymentMethodOptions.Card = &cardOptions{RequestThreeDSecure: pi.Secure}
	}
	if !pi.CanceledAt.IsZero() {
		at := pi.CanceledAt.Unix()
		o.CanceledAt = &at
	}
	if core.state() == stateAuthorized {
		o.AmountCapturable = core.last().Authorized
	}
	tx.renderLinks(o, pi, e)
	return o
}

// renderLinks fills the fields that are ids or, where expanded, objects.
func (tx *tx) renderLinks(o *intentObject, pi *paymentIntent, e expand) {
	if pi.Method != nil {
		o.PaymentMethod = pi.Method.ID
		if e.has("payment_method") {
			o.PaymentMethod = renderMethod(pi.Method)
		}
	}
	if a := pi.charge(); a != nil {
		o.LatestCharge = a.ID
		if e.has("latest_charge") {
			o.LatestCharge = tx.renderCharge(a, e.under("latest_charge"))
		}
	}
}

// nextAction is where the buyer has to go.
func (tx *tx) nextAction(pi *paymentIntent) *nextAction {
	if pi.Core.state() != stateAction {
		return nil
	}
	page := tx.publicURL + "/3ds/" + pi.Core.last().ID
	if pi.ReturnURL == "" {
		return &nextAction{Type: "use_stripe_sdk", UseStripeSDK: map[string]string{"type": "three_d_secure_redirect", "stripe_js": page}}
	}
	return &nextAction{Type: "redirect_to_url", RedirectToURL: &redirectToURL{ReturnURL: pi.ReturnURL, URL: page}}
}

const cardExpiryYear = 2034 // as in Stripe's examples: 12/34

func renderMethod(m *paymentMethod) paymentMethodJSON {
	in := m.Instrument
	o := paymentMethodJSON{ID: m.ID, Object: "payment_method", AllowRedisplay: "unspecified", Created: m.Created.Unix(),
		Metadata: map[string]string{}, Type: in.Type}
	if in.Type == methodCardType {
		o.Card = &methodCard{Brand: in.Brand, Country: in.Country, DisplayBrand: in.Brand, ExpMonth: 12, ExpYear: cardExpiryYear,
			Funding: in.Funding, Last4: in.Last4, RegulatedStatus: "unregulated",
			ThreeDSecureUsage: map[string]bool{"supported": in.Secure != secureNever}}
	} else {
		o.USBankAccount = &methodBank{AccountHolderType: "individual", AccountType: "checking", BankName: "STRIPE TEST BANK",
			Last4: in.Last4, RoutingNumber: "110000000"}
	}
	return o
}

// chargeStatus is Stripe's word for an attempt's state.
func chargeStatus(a *attempt) string {
	switch a.State {
	case attemptProcessing:
		return "pending"
	case attemptFailed:
		return "failed"
	}
	return "succeeded"
}

func (tx *tx) renderCharge(a *attempt, e expand) *chargeObject {
	pi := tx.stripe.of(a.intent)
	o := &chargeObject{ID: a.ID, Object: "charge", Amount: a.intent.Amount, AmountCaptured: a.Captured, AmountRefunded: a.Refunded,
		CalculatedStatementDescriptor: "SANDBOX", Captured: a.State == attemptCaptured, Created: a.Created.Unix(),
		Currency: strings.ToLower(a.intent.Currency), Description: orNull(pi.Description), Metadata: a.intent.Metadata,
		Outcome: renderOutcome(a), Paid: a.Authorized > 0, PaymentIntent: a.intent.ID, PaymentMethod: a.Method, PaymentMethodDetails: renderChargeMethod(a),
		ReceiptEmail: orNull(pi.ReceiptEmail), Refunded: a.Captured > 0 && a.Refunded == a.Captured, Shipping: pi.Shipping,
		StatementDescriptor: orNull(pi.StatementDescriptor), StatementDescriptorSuffix: orNull(pi.StatementSuffix), Status: chargeStatus(a)}
	if a.Failure != nil {
		o.FailureCode, o.FailureMessage = orNull(a.Failure.Code), orNull(a.Failure.Message)
	}
	if e.has("payment_intent") {
		o.PaymentIntent = tx.renderIntent(pi, e.under("payment_intent"))
	}
	if e.has("refunds") {
		o.Refunds = tx.renderRefunds(a, e.under("refunds").under("data"))
	}
	return o
}

// renderRefunds is a charge's own list of refunds, newest first.
func (tx *tx) renderRefunds(a *attempt, e expand) *list {
	l := &list{Object: "list", Data: []any{}, URL: "/v1/charges/" + a.ID + "/refunds"}
	for i := len(a.Refunds) - 1; i >= 0; i-- {
		l.Data = append(l.Data, tx.renderRefund(a.Refunds[i], e))
	}
	return l
}

func renderOutcome(a *attempt) *outcome {
	o := &outcome{NetworkStatus: "approved_by_network", RiskLevel: "normal", RiskScore: 12, SellerMessage: "Payment complete.", Type: "authorized"}
	if a.Failure != nil {
		o.NetworkStatus, o.Type, o.SellerMessage = "declined_by_network", "issuer_declined", "The bank declined the payment."
		o.Reason, o.AdviceCode, o.NetworkDeclineCode = orNull(a.Failure.reason()), orNull(a.Failure.Advice), orNull(a.Failure.Network)
	}
	return o
}

func renderChargeMethod(a *attempt) chargeMethod {
	in := a.Instrument
	if in.Type != methodCardType {
		return chargeMethod{Type: in.Type, USBankAccount: &chargeBank{AccountHolderType: "individual", AccountType: "checking",
			BankName: "STRIPE TEST BANK", Last4: in.Last4, RoutingNumber: "110000000"}}
	}
	card := &chargeCard{Brand: in.Brand, Country: in.Country, ExpMonth: 12, ExpYear: cardExpiryYear, Funding: in.Funding, Last4: in.Last4,
		Multicapture: map[string]string{"status": "unavailable"}, Network: in.Brand, RegulatedStatus: "unregulated"}
	if amount := a.Authorized; amount > 0 {
		card.AmountAuthorized = &amount
	}
	if a.State == attemptAuthorized {
		card.CaptureBefore = a.Settles.Unix()
	}
	if in.Secure == secureRequired && (a.Failure == nil || a.Failure.Code != "authentication_required") {
		card.ThreeDSecure = &threeDSecure{AuthenticationFlow: orNull("challenge"), Result: orNull("authenticated"), Version: orNull("2.2.0")}
	}
	return chargeMethod{Card: card, Type: methodCardType}
}

func (tx *tx) renderRefund(r *refund, e expand) *refundObject {
	a := r.attempt
	o := &refundObject{ID: r.ID, Object: "refund", Amount: r.Amount, Charge: a.ID, Created: r.Created.Unix(),
		Currency: strings.ToLower(a.intent.Currency), FailureReason: r.FailureReason, Metadata: r.Metadata, PaymentIntent: a.intent.ID,
		PendingReason: r.PendingReason, Reason: orNull(r.Reason), Status: string(r.State)}
	if a.Instrument.Type == methodCardType {
		o.DestinationDetails = &refundDestination{Type: methodCardType, Card: map[string]string{"reference_status": "pending",
			"reference_type": "acquirer_reference_number", "type": "refund"}}
	}
	if e.has("charge") {
		o.Charge = tx.renderCharge(a, e.under("charge"))
	}
	if e.has("payment_intent") {
		o.PaymentIntent = tx.renderIntent(tx.stripe.of(a.intent), e.under("payment_intent"))
	}
	return o
}
