package gatewaytest

import "testing"

// testCase is one test, and what the harness must offer for it.
type testCase struct {
	name  string
	needs needs
	run   func(*testing.T, Harness)
}

type needs []func(Harness) bool

func (c testCase) applies(h Harness) bool {
	for _, offers := range c.needs {
		if !offers(h) {
			return false
		}
	}
	return true
}

func not(offers func(Harness) bool) func(Harness) bool {
	return func(h Harness) bool { return !offers(h) }
}

func books(h Harness) bool         { return h.Truth != nil }
func faults(h Harness) bool        { return h.Fault != nil }
func webhooks(h Harness) bool      { return h.Webhooks != nil }
func datedWebhooks(h Harness) bool { return h.Webhooks != nil && h.WebhookTolerance > 0 }
func page(h Harness) bool          { return h.Pay != nil }
func decliningPage(h Harness) bool { return h.Decline != nil }
func tokens(h Harness) bool        { return h.Tokens.Succeed != "" }
func decliningToken(h Harness) bool {
	return h.Tokens.Decline != ""
}
func authentication(h Harness) bool {
	return h.Tokens.Authenticate != "" && page(h) && decliningPage(h)
}
func payment(h Harness) bool        { return books(h) && (tokens(h) || page(h)) }
func closing(h Harness) bool        { return h.Gateway.Capabilities().Close }
func capturing(h Harness) bool      { return h.Gateway.Capabilities().ManualCapture }
func capturingLess(h Harness) bool  { return h.Gateway.Capabilities().PartialCapture }
func voiding(h Harness) bool        { return h.Gateway.Capabilities().Void }
func refundingParts(h Harness) bool { return h.Gateway.Capabilities().PartialRefund }
func failingRefund(h Harness) bool  { return h.SpoilRefunds != nil }

// cases is the suite.
var cases = []testCase{
	{"capabilities", nil, testCapabilities},
	{"open attempt", nil, testOpenAttempt},
	{"ended context", needs{faults}, testEndedContext},

	{"page", needs{page}, testPage},
	{"page, declined", needs{books, decliningPage}, testPageDeclined},
	{"token", needs{tokens}, testToken},
	{"token, declined", needs{books, decliningToken}, testTokenDeclined},
	{"token, authenticated", needs{authentication}, testAuthentication},
	{"token, authentication failed", needs{books, authentication}, testAuthenticationFailed},

	{"create repeated", nil, testRepeat},
	{"create repeated, token", needs{books, tokens}, testRepeatToken},
	{"create repeated at once", needs{books}, testRepeatAtOnce},

	{"look up without references", needs{books}, testFoundWithoutReferences},
	{"look up what is paid without references", needs{payment}, testPaidFoundWithoutReferences},
	{"look up what is not there", needs{books}, testNotFound},

	{"close open", needs{closing}, testCloseOpen},
	{"close authenticating", needs{closing, authentication}, testCloseAuthenticating},
	{"close paid", needs{closing, page}, testClosePaid},
	{"close lacking", needs{not(closing)}, testLacksClose},

	{"authorize", needs{capturing, payment}, testAuthorize},
	{"capture", needs{capturing, payment}, testCapture},
	{"capture less", needs{capturingLess, payment}, testCaptureLess},
	{"capture more", needs{capturing, payment}, testCaptureMore},
	{"capture lacking", needs{not(capturing)}, testLacksCapture},
	{"capture void", needs{capturing, voiding, payment}, testCaptureVoid},
	{"void", needs{capturing, voiding, payment}, testVoid},
	{"void captured", needs{capturing, voiding, payment}, testVoidCaptured},
	{"void lacking", needs{not(voiding)}, testLacksVoid},

	{"refund", needs{payment}, testRefundFull},
	{"refund parts", needs{refundingParts, payment}, testRefundParts},
	{"refund repeated", needs{refundingParts, payment}, testRefundRepeated},
	{"refund twice", needs{payment}, testRefundFullTwice},
	{"refund too much", needs{payment}, testRefundTooMuch},
	{"refund not found", needs{payment}, testRefundNotFound},
	{"refund fails later", needs{failingRefund, payment}, testRefundFailsLater},

	{"webhook", needs{webhooks, payment}, testWebhook},
	{"webhook keys", needs{webhooks, payment}, testWebhookKeys},
	{"webhook forged", needs{webhooks, payment}, testWebhookForged},
	{"webhook stale", needs{datedWebhooks, payment}, testWebhookStale},
	{"webhook unsigned", nil, testWebhookUnsigned},
	{"webhook of a refund", needs{webhooks, failingRefund, payment}, testRefundWebhook},

	{"faults of create", needs{faults, payment}, testCreateFaults},
	{"faults of create, answer lost", needs{faults, payment}, testCreateAnswerLost},
	{"faults of create, rate limit", needs{faults, payment}, testCreateAfterRateLimit},
	{"faults of look-up", needs{faults, payment}, testLookUpFaults},
	{"faults of capture", needs{faults, capturing, payment}, testCaptureFaults},
	{"faults of refund", needs{faults, payment}, testRefundFaults},
	{"faults of refund, answer lost", needs{faults, payment}, testRefundAnswerLost},
	{"hanging", needs{faults, payment}, testHang},
	{"hanging, cancelled", needs{faults, payment}, testHangCancelled},
}
