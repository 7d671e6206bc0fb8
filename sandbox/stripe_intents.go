package sandbox

import (
	"slices"
	"strings"
)

// intent finds the PaymentIntent that the path names.
func (c *call) intent() (*paymentIntent, *apiError) {
	pi, ok := c.stripe.intents.find(c.id)
	if !ok {
		return nil, missing("payment_intent", "intent", c.id)
	}
	return pi, nil
}

func (c *call) createIntent() (any, *apiError) {
	pi, err := c.newIntent()
	if err != nil {
		return nil, err
	}
	confirmed := c.form.truth("confirm")
	var method *paymentMethod
	if token := c.form.get("payment_method"); token != "" {
		if method, err = c.method(pi, token); err != nil {
			return nil, err
		}
	}
	if err := c.checkConfirmation(pi, method, confirmed); err != nil {
		return nil, err
	}
	pi.Method = method
	c.openIntent(pi)
	if confirmed {
		if err := c.tx.confirm(pi, c.confirmation(method)); err != nil {
			return nil, err
		}
	}
	return c.renderIntent(pi, c.expand), nil
}

// newIntent reads the form into a PaymentIntent that is not filed yet.
func (c *call) newIntent() (*paymentIntent, *apiError) {
	f := c.form
	code, amount := strings.ToLower(f.get("currency")), f.number("amount")
	if err := checkAmount("Amount", "amount", code, amount); err != nil {
		return nil, err
	}
	core := &intent{ID: c.ids.stripe("pi"), Gateway: gatewayStripe, Amount: amount, Currency: strings.ToUpper(code), Created: c.now,
		Metadata: mergeMetadata(nil, f.strings("metadata"))}
	pi := &paymentIntent{Core: core, ClientSecret: core.ID + "_secret_" + c.ids.text(25), CaptureMethod: "automatic_async",
		Secure: secureAutomatic, MethodTypes: []string{methodCardType}}
	if err := c.methodTypes(pi); err != nil {
		return nil, err
	}
	return pi, c.describe(pi)
}

// methodTypes reads which methods the intent takes: those listed, else the account's own choice.
func (c *call) methodTypes(pi *paymentIntent) *apiError {
	if types := c.form.texts("payment_method_types"); len(types) > 0 {
		if c.form.truth("automatic_payment_methods", "enabled") {
			return paramError("", "automatic_payment_methods", "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.")
		}
		pi.MethodTypes, pi.Automatic = types, false
		return checkMethodTypes(types, strings.ToLower(pi.Core.Currency))
	}
	if auto := c.form.at("automatic_payment_methods"); auto == nil || auto.truth("enabled") {
		pi.Automatic, pi.Redirects = true, redirectsAlways
		if auto.has("allow_redirects") {
			pi.Redirects = auto.get("allow_redirects")
		}
	}
	return nil
}

func checkMethodTypes(types []string, code string) *apiError {
	for _, kind := range types {
		if kind != methodCardType && (kind != "us_bank_account" || code != "usd") {
			return paramError("payment_intent_invalid_parameter", "payment_method_types", "The payment method type provided: %s is invalid. "+
				"The sandbox's account has card in every currency and us_bank_account in usd.", kind)
		}
	}
	return nil
}

// describe reads the parameters that say something about an intent without moving money.
func (c *call) describe(pi *paymentIntent) *apiError {
	f := c.form
	if customer := f.get("customer"); customer != "" {
		return missing("customer", "customer", customer)
	}
	for name, field := range map[string]*string{"description": &pi.Description, "receipt_email": &pi.ReceiptEmail, "return_url": &pi.ReturnURL,
		"setup_future_usage": &pi.SetupFutureUsage, "statement_descriptor": &pi.StatementDescriptor,
		"statement_descriptor_suffix": &pi.StatementSuffix, "capture_method": &pi.CaptureMethod} {
		if f.has(name) {
			*field = f.get(name)
		}
	}
	if asked := f.get("payment_method_options", "card", "request_three_d_secure"); asked != "" {
		pi.Secure = asked
	}
	if f.has("shipping") {
		pi.Shipping = newShipping(f.at("shipping"))
	}
	return nil
}

func newShipping(f *form) *shipping {
	a := f.at("address")
	return &shipping{Name: orNull(f.get("name")), Phone: orNull(f.get("phone")), Carrier: orNull(f.get("carrier")),
		TrackingNumber: orNull(f.get("tracking_number")), Address: address{City: orNull(a.get("city")), Country: orNull(a.get("country")),
			Line1: orNull(a.get("line1")), Line2: orNull(a.get("line2")), PostalCode: orNull(a.get("postal_code")), State: orNull(a.get("state"))}}
}

// openIntent files a PaymentIntent.
func (tx *tx) openIntent(pi *paymentIntent) {
	tx.touch(pi)
	tx.book.open(pi.Core)
	tx.stripe.add(pi)
	tx.emit("payment_intent.created", tx.renderIntent(pi, nil))
}

// method finds the instrument that a token names: a test token, or the intent's own from before.
func (c *call) method(pi *paymentIntent, token string) (*paymentMethod, *apiError) {
	if pi.Method != nil && pi.Method.ID == token {
		return pi.Method, nil
	}
	in, ok := instrumentByToken(token)
	if !ok {
		return nil, missing("PaymentMethod", "payment_method", token)
	}
	if !slices.Contains(pi.MethodTypes, in.Type) {
		return nil, refused("payment_intent_incompatible_payment_method", "payment_method", "The PaymentMethod provided (%s) is not allowed for "+
			"this PaymentIntent. Please attach a PaymentMethod of one of the following types: %s.", in.Type, strings.Join(pi.MethodTypes, ", "))
	}
	return c.newMethod(in), nil
}

// checkConfirmation refuses what cannot be confirmed, and parameters that need a confirmation.
func (c *call) checkConfirmation(pi *paymentIntent, method *paymentMethod, confirmed bool) *apiError {
	for _, name := range []string{"return_url", "error_on_requires_action", "off_session"} {
		if !confirmed && c.form.has(name) {
			return paramError("", name, "You cannot provide `%s` without `confirm=true`.", name)
		}
	}
	switch {
	case !confirmed:
		return nil
	case method == nil:
		return refused("payment_intent_unexpected_state", "", "You cannot confirm this PaymentIntent because it's missing a payment method. You can "+
			"either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method "+
			"or ConfirmationToken.")
	case pi.Automatic && pi.Redirects == redirectsAlways && pi.ReturnURL == "":
		return paramError("", "return_url", "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "+
			"these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept "+
			"redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` "+
			"to `never` when creating Setup Intents and Payment Intents.")
	}
	return nil
}

func (c *call) confirmation(method *paymentMethod) confirmation {
	off := c.form.get("off_session")
	return confirmation{method: method, offSession: off != "" && off != "false", errorOnAction: c.form.truth("error_on_requires_action")}
}

func (c *call) confirmIntent() (any, *apiError) {
	pi, err := c.intent()
	if err != nil {
		return nil, err
	}
	if err := c.confirmable(pi); err != nil {
		return nil, err
	}
	method := pi.Method
	if token := c.form.get("payment_method"); token != "" {
		if method, err = c.method(pi, token); err != nil {
			return nil, err
		}
	}
	next := *pi
	if err := c.describe(&next); err != nil {
		return nil, err
	}
	if err := c.checkConfirmation(&next, method, true); err != nil {
		return nil, err
	}
	*pi = next
	c.supersede(pi)
	if err := c.tx.confirm(pi, c.confirmation(method)); err != nil {
		return nil, err
	}
	return c.renderIntent(pi, c.expand), nil
}

// confirmable says whether the state allows another attempt.
func (c *call) confirmable(pi *paymentIntent) *apiError {
	if pi.Session != "" {
		return c.unexpected(pi, "You cannot confirm the PaymentIntent of a Checkout Session; the buyer does that on its page.")
	}
	switch status := pi.status(); status {
	case "requires_payment_method", "requires_confirmation", "requires_action":
		return nil
	case "succeeded":
		return c.unexpected(pi, "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.")
	default:
		return c.unexpected(pi, "You cannot confirm this PaymentIntent because it has a status of "+status+". Only a PaymentIntent with one of the "+
			"following statuses may be confirmed: requires_confirmation, requires_action.")
	}
}

// supersede ends an attempt that still waits for the buyer, so that another may begin.
func (tx *tx) supersede(pi *paymentIntent) {
	if pi.Core.state() == stateAction {
		why := &failure{Code: "payment_intent_unexpected_state", Message: "Another attempt replaced this one."}
		tx.mustDo(tx.book.fail(pi.Core.last(), why))
	}
}

// unexpected is the 400 of a call that the intent's state does not allow; it carries the intent.
func (tx *tx) unexpected(pi *paymentIntent, message string) *apiError {
	err := refused("payment_intent_unexpected_state", "", "%s", message)
	err.PaymentIntent = tx.renderIntent(pi, nil)
	return err
}

func (c *call) captureIntent() (any, *apiError) {
	pi, err := c.intent()
	if err != nil {
		return nil, err
	}
	switch status := pi.status(); status {
	case "requires_capture":
	case "succeeded":
		return nil, c.unexpected(pi, "This PaymentIntent could not be captured because it has already been captured.")
	default:
		return nil, c.unexpected(pi, "This PaymentIntent could not be captured because it has a status of "+status+
			". Only a PaymentIntent with one of the following statuses may be captured: requires_capture.")
	}
	amount := pi.Core.Amount
	if c.form.has("amount_to_capture") {
		amount = c.form.number("amount_to_capture")
	}
	if amount > pi.Core.Amount {
		return nil, refused("amount_too_large", "amount_to_capture",
			"The payment could not be captured because the requested capture amount is greater than the authorized amount.")
	}
	if err := c.amend(pi); err != nil {
		return nil, err
	}
	c.tx.capture(pi, amount)
	return c.renderIntent(pi, c.expand), nil
}

func (c *call) cancelIntent() (any, *apiError) {
	pi, err := c.intent()
	if err != nil {
		return nil, err
	}
	if status := pi.status(); status == "succeeded" || status == "canceled" {
		return nil, c.unexpected(pi, "You cannot cancel this PaymentIntent because it has a status of "+status+". Only a PaymentIntent with one of the "+
			"following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.")
	}
	if session := c.stripe.sessions[pi.Session]; session != nil && session.Status == sessionOpen {
		return nil, c.unexpected(pi, "You cannot cancel the PaymentIntent of a Checkout Session. Expire the Checkout Session instead.")
	}
	c.tx.cancel(pi, c.form.get("cancellation_reason"))
	return c.renderIntent(pi, c.expand), nil
}

// amend applies descriptive parameters and metadata to a filed intent, all or none.
func (c *call) amend(pi *paymentIntent) *apiError {
	next := *pi
	if err := c.describe(&next); err != nil {
		return err
	}
	if types := c.form.texts("payment_method_types"); len(types) > 0 {
		if err := checkMethodTypes(types, strings.ToLower(pi.Core.Currency)); err != nil {
			return err
		}
		next.MethodTypes, next.Automatic = types, false
	}
	c.touch(pi)
	*pi = next
	if c.form.has("metadata") {
		pi.Core.Metadata = c.changedMetadata(pi.Core.Metadata)
		c.stripe.tag(pi)
	}
	return nil
}

// changedMetadata applies metadata[…]; metadata= with nothing removes all.
func (c *call) changedMetadata(old map[string]string) map[string]string {
	if c.form.at("metadata").kids == nil {
		return map[string]string{}
	}
	return mergeMetadata(old, c.form.strings("metadata"))
}

func (c *call) updateIntent() (any, *apiError) {
	pi, err := c.intent()
	if err != nil {
		return nil, err
	}
	if c.movesMoney() && pi.Core.state() != stateOpen {
		return nil, c.unexpected(pi, "This PaymentIntent's amount, currency, capture method or payment method could not be updated because it has a status of "+
			pi.status()+".")
	}
	code, amount := strings.ToLower(pi.Core.Currency), pi.Core.Amount
	if c.form.has("currency") {
		code = strings.ToLower(c.form.get("currency"))
	}
	if c.form.has("amount") {
		amount = c.form.number("amount")
	}
	if err := checkAmount("Amount", "amount", code, amount); err != nil {
		return nil, err
	}
	method := pi.Method
	if token := c.form.get("payment_method"); token != "" {
		if method, err = c.method(pi, token); err != nil {
			return nil, err
		}
	}
	if err := c.amend(pi); err != nil {
		return nil, err
	}
	pi.Method, pi.Core.Amount, pi.Core.Currency = method, amount, strings.ToUpper(code)
	return c.renderIntent(pi, c.expand), nil
}

func (c *call) movesMoney() bool {
	return slices.ContainsFunc([]string{"amount", "currency", "capture_method", "payment_method", "payment_method_types"},
		func(name string) bool { return c.form.has(name) })
}

func (c *call) getIntent() (any, *apiError) {
	pi, err := c.intent()
	if err != nil {
		return nil, err
	}
	return c.renderIntent(pi, c.expand), nil
}

func (c *call) listIntents() (any, *apiError) {
	return page(c, c.stripe.intents, "payment_intent", func(*paymentIntent) bool { return true }, c.renderIntent)
}
