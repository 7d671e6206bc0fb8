package sandbox

import (
	"strings"
)

func (c *call) createRefund() (any, *apiError) {
	a, err := c.refundable()
	if err != nil {
		return nil, err
	}
	left := a.Captured - a.Refunded
	if left == 0 {
		return nil, refused("charge_already_refunded", "", "Charge %s has already been refunded.", a.ID)
	}
	amount := left
	if c.form.has("amount") {
		amount = c.form.number("amount")
	}
	code := strings.ToLower(a.intent.Currency)
	if amount > left {
		return nil, refused("", "amount", "Refund amount (%s) is greater than unrefunded amount on charge (%s)", display(amount, code), display(left, code))
	}
	if listed(threeDecimal, code) && amount%10 != 0 {
		return nil, paramError("", "amount", "Amount in %s must end in 0: round it to the nearest ten.", code)
	}
	outcome := refundOutcomeOf(a.Instrument, append(faultNames(c.form.strings("metadata")), faultNames(a.intent.Metadata)...))
	r := c.refund(a, amount, c.form.get("reason"), c.form.strings("metadata"), outcome)
	return c.renderRefund(r, c.expand), nil
}

// refundable finds the captured charge that payment_intent or charge names.
func (c *call) refundable() (*attempt, *apiError) {
	id, charge := c.form.get("payment_intent"), c.form.get("charge")
	switch {
	case id == "" && charge == "":
		return nil, paramError("parameter_missing", "payment_intent", "One of the following params should be provided for this request: payment_intent or charge.")
	case id != "" && charge != "":
		return nil, paramError("", "charge", "You may only specify one of these parameters: payment_intent, charge.")
	case id != "":
		pi, ok := c.stripe.intents.find(id)
		if !ok {
			return nil, missing("payment_intent", "payment_intent", id)
		}
		return captured(pi.Core, pi.charge(), "payment_intent")
	}
	a, ok := c.stripe.charges.find(charge)
	if !ok {
		return nil, missing("charge", "charge", charge)
	}
	return captured(a.intent, a, "charge")
}

func captured(i *intent, a *attempt, param string) (*attempt, *apiError) {
	if a == nil || a.State != attemptCaptured {
		return nil, refused("", param, "This PaymentIntent (%s) does not have a successful charge to refund.", i.ID)
	}
	return a, nil
}

func (c *call) refundByPath() (*refund, *apiError) {
	r, ok := c.stripe.refunds.find(c.id)
	if !ok {
		return nil, missing("refund", "refund", c.id)
	}
	return r, nil
}

func (c *call) getRefund() (any, *apiError) {
	r, err := c.refundByPath()
	if err != nil {
		return nil, err
	}
	return c.renderRefund(r, c.expand), nil
}

func (c *call) updateRefund() (any, *apiError) {
	r, err := c.refundByPath()
	if err != nil {
		return nil, err
	}
	if c.form.has("metadata") {
		c.touch(c.stripe.of(r.attempt.intent))
		r.Metadata = c.changedMetadata(r.Metadata)
	}
	c.emit("refund.updated", c.renderRefund(r, nil))
	return c.renderRefund(r, c.expand), nil
}

// cancelRefund works only while a refund waits for the buyer to do something.
func (c *call) cancelRefund() (any, *apiError) {
	r, err := c.refundByPath()
	if err != nil {
		return nil, err
	}
	if r.State != refundAction {
		return nil, refused("", "", "Only refunds with a status of requires_action can be canceled. This refund has a status of %s.", r.State)
	}
	c.moveRefund(r, refundCanceled, "merchant_request")
	return c.renderRefund(r, c.expand), nil
}

func (c *call) listRefunds() (any, *apiError) {
	refunds := c.stripe.refunds
	if id := c.form.get("payment_intent"); id != "" {
		pi, ok := c.stripe.intents.find(id)
		if !ok {
			return nil, missing("payment_intent", "payment_intent", id)
		}
		refunds = newListing(0, pi.Core.refunds()...)
	}
	charge := c.form.get("charge")
	return page(c, refunds, "refund", func(r *refund) bool { return charge == "" || r.attempt.ID == charge }, c.renderRefund)
}

// refunds are all of an intent's, oldest first.
func (i *intent) refunds() []*refund {
	var all []*refund
	for _, a := range i.Attempts {
		all = append(all, a.Refunds...)
	}
	return all
}

func (c *call) getCharge() (any, *apiError) {
	a, ok := c.stripe.charges.find(c.id)
	if !ok {
		return nil, missing("charge", "charge", c.id)
	}
	return c.renderCharge(a, c.expand), nil
}

func (c *call) listCharges() (any, *apiError) {
	charges := c.stripe.charges
	if id := c.form.get("payment_intent"); id != "" {
		pi, ok := c.stripe.intents.find(id)
		if !ok {
			return nil, missing("payment_intent", "payment_intent", id)
		}
		charges = newListing(0, pi.Core.Attempts...)
	}
	return page(c, charges, "charge", func(a *attempt) bool { return a.Submitted }, c.renderCharge)
}
