package sandbox

import (
	"time"
)

// confirmation is how an intent is to be confirmed.
type confirmation struct {
	method        *paymentMethod
	offSession    bool // the buyer is not there
	errorOnAction bool // the caller cannot send the buyer anywhere
}

// newMethod gives an instrument an id.
func (tx *tx) newMethod(in instrument) *paymentMethod {
	return &paymentMethod{ID: "pm_1" + tx.ids.text(23), Created: tx.now, Instrument: in}
}

// confirm starts an attempt: the buyer is sent to 3D Secure, or the bank is asked at once. The error is a decline.
func (tx *tx) confirm(pi *paymentIntent, c confirmation) *apiError {
	tx.touch(pi)
	pi.Method, pi.LastError = c.method, nil
	a := &attempt{ID: tx.ids.stripe("ch"), State: attemptAction, Instrument: c.method.Instrument,
		Method: c.method.ID, Created: tx.now}
	tx.mustDo(tx.book.begin(pi.Core, a))
	if !pi.needsBuyer(a.Instrument, c.offSession) {
		return tx.submit(pi, a)
	}
	if c.offSession || c.errorOnAction {
		a.Instrument.Decline = &failure{Code: "authentication_required", DeclineCode: "authentication_required", Message: needs3DSText, Network: "65"}
		return tx.submit(pi, a)
	}
	tx.emit("payment_intent.requires_action", tx.renderIntent(pi, nil))
	return nil
}

// needsBuyer says whether the buyer has to authenticate: the card demands it, or the merchant asks and the card can.
func (pi *paymentIntent) needsBuyer(in instrument, offSession bool) bool {
	asked := pi.Secure == "any" || pi.Secure == "challenge"
	return in.Secure == secureRequired || in.Secure == secureSupported && in.Last4 == "3055" && asked && !offSession
}

// submit asks the bank.
func (tx *tx) submit(pi *paymentIntent, a *attempt) *apiError {
	tx.touch(pi)
	a.Submitted, a.Created = true, tx.now
	tx.stripe.charges.add(a)
	switch {
	case a.Instrument.Delay != delayNone:
		tx.process(pi, a)
		return nil
	case a.Instrument.Decline != nil:
		return tx.decline(pi, a, a.Instrument.Decline)
	}
	tx.approve(pi, a)
	return nil
}

// process leaves an attempt undecided. What becomes of it, and when, is its instrument's nature.
func (tx *tx) process(pi *paymentIntent, a *attempt) {
	a.State = attemptProcessing
	tx.emit("charge.pending", tx.renderCharge(a, nil))
	tx.emit("payment_intent.processing", tx.renderIntent(pi, nil))
	tx.sessionPaid(pi)
	if a.Instrument.Delay != delayForever {
		a.Settles = tx.now.Add(processingSettles)
		tx.due.add(a.Settles, dueProcessing, a.ID)
	}
}

// settleProcessing decides an attempt that was processing.
func (tx *tx) settleProcessing(a *attempt, success bool) {
	pi := tx.stripe.of(a.intent)
	if success {
		tx.approve(pi, a)
		tx.sessionSettled(pi, "checkout.session.async_payment_succeeded")
		return
	}
	why := a.Instrument.Decline
	if why == nil {
		why = &failure{Code: "payment_intent_payment_attempt_failed", Message: "The payment failed."}
	}
	tx.decline(pi, a, why)
	tx.sessionSettled(pi, "checkout.session.async_payment_failed")
}

// approve is the bank's yes: the amount is held, and captured at once unless the merchant wants to do that.
func (tx *tx) approve(pi *paymentIntent, a *attempt) {
	tx.touch(pi)
	tx.mustDo(tx.book.authorize(a))
	if pi.CaptureMethod == captureManual {
		a.Settles = tx.now.Add(authorizationLife)
		tx.due.add(a.Settles, dueAuthorization, a.ID)
		tx.emit("charge.succeeded", tx.renderCharge(a, nil))
		tx.emit("payment_intent.amount_capturable_updated", tx.renderIntent(pi, nil))
	} else {
		tx.mustDo(tx.book.capture(a, a.Authorized))
		tx.emit("charge.succeeded", tx.renderCharge(a, nil))
		tx.emit("payment_intent.succeeded", tx.renderIntent(pi, nil))
	}
	tx.sessionPaid(pi)
}

// decline is the bank's no. The intent is open for another try.
func (tx *tx) decline(pi *paymentIntent, a *attempt, why *failure) *apiError {
	tx.touch(pi)
	tx.mustDo(tx.book.fail(a, why))
	err := &apiError{status: 402, Type: cardFailure, Code: why.Code, DeclineCode: why.DeclineCode, Message: why.Message,
		AdviceCode: why.Advice, NetworkDeclineCode: why.Network, DocURL: docURL(why.Code)}
	if why.Code == "payment_intent_payment_attempt_failed" || why.Code == "payment_intent_authentication_failure" {
		err.status, err.Type = 400, invalidRequest
	}
	if a.Submitted {
		err.Charge = a.ID
	}
	method := renderMethod(pi.Method)
	err.PaymentMethod = &method
	pi.LastError, pi.Method = err, nil
	if a.Submitted {
		tx.emit("charge.failed", tx.renderCharge(a, nil))
	}
	tx.emit("payment_intent.payment_failed", tx.renderIntent(pi, nil))
	answer := *err
	answer.PaymentIntent = tx.renderIntent(pi, nil)
	return &answer
}

// authenticate ends 3D Secure.
func (tx *tx) authenticate(pi *paymentIntent, a *attempt, success bool) *apiError {
	if success {
		return tx.submit(pi, a)
	}
	return tx.decline(pi, a, &failure{Code: "payment_intent_authentication_failure",
		Message: "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod " +
			"to attempt to fulfill this PaymentIntent again."})
}

// capture takes amount of an authorisation. The rest is released without a refund.
func (tx *tx) capture(pi *paymentIntent, amount int64) {
	tx.touch(pi)
	a := pi.Core.last()
	tx.mustDo(tx.book.capture(a, amount))
	tx.emit("charge.captured", tx.renderCharge(a, nil))
	tx.emit("payment_intent.succeeded", tx.renderIntent(pi, nil))
}

// cancel ends an intent and releases what it holds.
func (tx *tx) cancel(pi *paymentIntent, reason string) {
	tx.touch(pi)
	tx.mustDo(tx.book.cancel(pi.Core))
	pi.CanceledAt, pi.CancelReason = tx.now, reason
	tx.emit("payment_intent.canceled", tx.renderIntent(pi, nil))
}

// expireAuthorization is what the bank does with an authorisation that nobody captured for a week.
func (tx *tx) expireAuthorization(a *attempt) {
	pi := tx.stripe.of(a.intent)
	tx.cancel(pi, cancelExpired)
	tx.emit("charge.expired", tx.renderCharge(a, nil))
}

// refund gives captured money back.
func (tx *tx) refund(a *attempt, amount int64, reason string, metadata map[string]string, outcome refundOutcome) *refund {
	r := &refund{ID: tx.ids.stripe("re"), Amount: amount, State: outcome.first, Reason: reason, Metadata: mergeMetadata(nil, metadata),
		Created: tx.now, SettlesTo: outcome.then}
	if r.State == refundPending {
		r.PendingReason = "processing"
	}
	tx.touch(tx.stripe.of(a.intent))
	tx.mustDo(tx.book.refund(a, r))
	tx.stripe.refunds.add(r)
	if outcome.then != "" {
		r.Settles = tx.now.Add(refundSettles)
		tx.due.add(r.Settles, dueRefund, r.ID)
	}
	tx.emit("refund.created", tx.renderRefund(r, nil))
	tx.emit("charge.refunded", tx.renderCharge(a, nil))
	return r
}

// refundOutcome is the state of a refund when it is made, and the one that follows by itself ("" for none).
type refundOutcome struct{ first, then state }

func refundOutcomeOf(in instrument, faults []string) refundOutcome {
	for _, name := range faults {
		switch name {
		case "refund_fail":
			return refundOutcome{refundSucceeded, refundFailed}
		case "refund_pending":
			return refundOutcome{refundPending, refundSucceeded}
		case "refund_requires_action":
			return refundOutcome{refundAction, ""}
		}
	}
	switch in.Refund {
	case refundThenFails:
		return refundOutcome{refundSucceeded, refundFailed}
	case refundPendingFirst:
		return refundOutcome{refundPending, refundSucceeded}
	}
	return refundOutcome{first: refundSucceeded}
}

// settleRefund moves a refund to the state that it was bound for.
func (tx *tx) settleRefund(r *refund) {
	if r.Settles.IsZero() || r.State == refundCanceled {
		return
	}
	r.Settles = time.Time{}
	tx.moveRefund(r, r.SettlesTo, refundFailedReason)
}

// moveRefund changes a refund's state and tells about it.
func (tx *tx) moveRefund(r *refund, to state, reason string) {
	tx.touch(tx.stripe.of(r.attempt.intent))
	tx.mustDo(tx.book.settle(r, to, reason))
	rendered := tx.renderRefund(r, nil)
	if to == refundFailed {
		tx.emit("refund.failed", rendered)
	}
	tx.emit("refund.updated", rendered)
	tx.emit("charge.refund.updated", rendered)
}

// mustDo stops the program where the face let something through that the book refuses: the ledger would be wrong.
func (tx *tx) mustDo(err error) {
	if err != nil {
		panic("sandbox: the ledger refused what was checked before: " + err.Error())
	}
}
