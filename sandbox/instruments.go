package sandbox

import (
	"strings"
)

// instrument is a means of payment as the ledger keeps it: never more of a number than its last four digits.
type instrument struct {
	Type    string // card, or us_bank_account for a delayed method
	Brand   string
	Country string
	Funding string
	Last4   string
	behaviour
}

// behaviour is what a test instrument does.
type behaviour struct {
	Decline *failure    `json:",omitempty"` // what the bank says; nil: it agrees
	Secure  secureUsage `json:",omitempty"`
	Refund  refundFate  `json:",omitempty"`
	Delay   delayFate   `json:",omitempty"`
}

// secureUsage says whether 3D Secure is asked for.
type secureUsage int

const (
	secureNever     secureUsage = iota
	secureSupported             // only where the merchant asks for it
	secureRequired
)

// refundFate says what becomes of a refund.
type refundFate int

const (
	refundAtOnce refundFate = iota
	refundThenFails
	refundPendingFirst
)

// delayFate says what becomes of a payment that is not decided at once.
type delayFate int

const (
	delayNone delayFate = iota
	delayForever
	delayThenSucceed
	delayThenFail
)

// failure is why an attempt got no money, in Stripe's words.
type failure struct {
	Code, DeclineCode, Message string
	Network                    string // the network's own code, where the bank was asked
	Advice                     string
}

// reason is the short form: the decline code, else the code.
func (f *failure) reason() string {
	if f.DeclineCode != "" {
		return f.DeclineCode
	}
	return f.Code
}

// testCard is one of Stripe's documented test cards. Source: docs.stripe.com/testing.
type testCard struct {
	number string // as the hosted page takes it; "" for those that only have a token
	token  string
	label  string // shown on the hosted page; "" is not shown
	brand  string
	behaviour
}

func declined(code, message string) behaviour {
	return behaviour{Decline: &failure{Code: "card_declined", DeclineCode: code, Message: message, Network: "01", Advice: adviceFor(code)}}
}

func cardError(code, message string) behaviour {
	f := &failure{Code: code, DeclineCode: code, Message: message, Network: "01"}
	if code == "processing_error" {
		f.Advice = "try_again_later"
	}
	return behaviour{Decline: f}
}

// adviceFor is Stripe's advice_code. Stripe does not document which test card gives which.
func adviceFor(code string) string {
	switch code {
	case "lost_card", "stolen_card", "fraudulent":
		return "do_not_try_again"
	case "insufficient_funds", "generic_decline":
		return "try_again_later"
	}
	return ""
}

const (
	cardDeclinedText = "Your card was declined."
	needs3DSText     = "Your card was declined. This transaction requires authentication."
)

func (b behaviour) secured(usage secureUsage) behaviour { b.Secure = usage; return b }

var (
	genericDecline = declined("generic_decline", cardDeclinedText)
	noFunds        = declined("insufficient_funds", "Your card has insufficient funds.")
	agrees         = behaviour{Secure: secureSupported}
)

// testCards lists what the sandbox knows. Several tokens may stand for one number.
var testCards = []testCard{
	{"4242424242424242", "pm_card_visa", "succeeds", "visa", agrees},
	{"4000056655665556", "pm_card_visa_debit", "", "visa", agrees},
	{"5555555555554444", "pm_card_mastercard", "", "mastercard", agrees},
	{"5200828282828210", "pm_card_mastercard_debit", "", "mastercard", agrees},
	{"378282246310005", "pm_card_amex", "", "amex", agrees},
	{"6011111111111117", "pm_card_discover", "", "discover", agrees},
	{"3056930009020004", "pm_card_diners", "", "diners", agrees},
	{"3566002020360505", "pm_card_jcb", "", "jcb", agrees},
	{"4000003560000008", "pm_card_in", "", "visa", agrees},
	{"4000000000000077", "pm_card_bypassPending", "", "visa", agrees},
	{"4000000000000002", "pm_card_chargeDeclined", "declined", "visa", genericDecline},
	{"4000000000000002", "pm_card_visa_chargeDeclined", "", "visa", genericDecline},
	{"4000000000009995", "pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient funds", "visa", noFunds},
	{"4000000000009995", "pm_card_chargeDeclinedInsufficientFunds", "", "visa", noFunds},
	{"4000000000009987", "pm_card_visa_chargeDeclinedLostCard", "lost card", "visa", declined("lost_card", cardDeclinedText)},
	{"4000000000009979", "pm_card_visa_chargeDeclinedStolenCard", "stolen card", "visa", declined("stolen_card", cardDeclinedText)},
	{"4100000000000019", "pm_card_chargeDeclinedFraudulent", "", "visa", declined("fraudulent", cardDeclinedText)},
	{"4000000000006975", "pm_card_visa_chargeDeclinedVelocityLimitExceeded", "", "visa", declined("card_velocity_exceeded", cardDeclinedText)},
	{"4000000000000341", "pm_card_chargeCustomerFail", "attaches, then declined", "visa", genericDecline},
	{"4000000000000069", "pm_card_chargeDeclinedExpiredCard", "expired card", "visa", cardError("expired_card", "Your card has expired.")},
	{"4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", "incorrect CVC", "visa", cardError("incorrect_cvc", "Your card's security code is incorrect.")},
	{"4000000000000119", "pm_card_chargeDeclinedProcessingError", "processing error", "visa",
		cardError("processing_error", "An error occurred while processing your card. Try again in a little bit.")},
	{"4000000000003220", "pm_card_threeDSecure2Required", "3D Secure, then succeeds", "visa", behaviour{Secure: secureRequired}},
	{"4000000000003220", "pm_card_threeDSecureRequired", "", "visa", behaviour{Secure: secureRequired}},
	{"4000000000003055", "pm_card_threeDSecureOptional", "", "visa", agrees},
	{"4000008400001629", "pm_card_threeDSecureRequiredChargeDeclined", "3D Secure, then declined", "visa", genericDecline.secured(secureRequired)},
	{"4000002760003184", "pm_card_authenticationRequired", "3D Secure always", "visa", behaviour{Secure: secureRequired}},
	{"4000002500003155", "pm_card_authenticationRequiredOnSetup", "", "visa", behaviour{Secure: secureRequired}},
	{"4000008260003178", "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "3D Secure, then insufficient funds", "visa",
		noFunds.secured(secureRequired)},
	{"4000000000005126", "pm_card_refundFail", "succeeds; refunds fail later", "visa", behaviour{Refund: refundThenFails}},
	{"4000000000007726", "pm_card_pendingRefund", "succeeds; refunds are pending first", "visa", behaviour{Refund: refundPendingFirst}},
}

// testBankAccounts are Stripe's test tokens of a delayed method. Source: docs.stripe.com/payments/ach-direct-debit.
var testBankAccounts = map[string]behaviour{
	"pm_usBankAccount":            {Delay: delayThenSucceed},
	"pm_usBankAccount_success":    {Delay: delayThenSucceed},
	"pm_usBankAccount_processing": {Delay: delayForever},
	"pm_usBankAccount_insufficientFunds": {Delay: delayThenFail, Decline: &failure{Code: "payment_intent_payment_attempt_failed",
		Message: "The customer's account has insufficient funds to cover this payment."}},
}

var cardsByToken, cardsByNumber = indexCards()

// indexCards maps tokens and numbers to their cards; of several cards with one number the first counts.
func indexCards() (byToken, byNumber map[string]*testCard) {
	byToken, byNumber = map[string]*testCard{}, map[string]*testCard{}
	for i := range testCards {
		card := &testCards[i]
		byToken[card.token] = card
		if byNumber[card.number] == nil {
			byNumber[card.number] = card
		}
	}
	return byToken, byNumber
}

func (c *testCard) instrument() instrument {
	in := instrument{Type: "card", Brand: c.brand, Country: "US", Funding: "credit", Last4: c.number[len(c.number)-4:], behaviour: c.behaviour}
	if c.token == "pm_card_in" {
		in.Country = "IN"
	}
	if strings.HasSuffix(c.token, "_debit") {
		in.Funding = "debit"
	}
	return in
}

// instrumentByToken finds pm_card_visa and its like.
func instrumentByToken(token string) (instrument, bool) {
	if card, ok := cardsByToken[token]; ok {
		return card.instrument(), true
	}
	if b, ok := testBankAccounts[token]; ok {
		return instrument{Type: "us_bank_account", Last4: "6789", Country: "US", behaviour: b}, true
	}
	return instrument{}, false
}

// instrumentByNumber finds a test card by what a buyer typed. Of a number that is none it keeps nothing.
func instrumentByNumber(typed string) (instrument, *failure) {
	number := strings.NewReplacer(" ", "", "-", "").Replace(typed)
	if !luhn(number) {
		return instrument{}, &failure{Code: "incorrect_number", DeclineCode: "incorrect_number", Message: "Your card number is incorrect."}
	}
	card, ok := cardsByNumber[number]
	if !ok {
		return instrument{}, &failure{Code: "card_declined", DeclineCode: "test_mode_live_card",
			Message: "Your card was declined. Your request was in test mode, but used a non test card."}
	}
	return card.instrument(), nil
}

// luhn checks the last digit of a card number.
func luhn(number string) bool {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(number) >= 12 && len(number) <= 19 && sum%10 == 0
}
