package stripe

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
)

func lostRequest() gateway.LookUpRequest {
	req := sampleRequest()
	return gateway.LookUpRequest{PaymentID: req.PaymentID, OrderID: req.OrderID, CreatedAt: made}
}

func list(more bool, objects ...string) string {
	return fmt.Sprintf(`{"object":"list","url":"/v1/x","has_more":%t,"data":[%s]}`, more, strings.Join(objects, ","))
}

func intentOf(id, status string, payment checkout.ID) string {
	return fmt.Sprintf(`{"id":%q,"object":"payment_intent","amount":500,"amount_received":500,"currency":"inr","status":%q,"metadata":{"payment_id":%q}}`,
		id, status, payment)
}

// lists answers list calls by path.
func lists(sessions, intents string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/checkout/sessions") {
			saying(200, sessions)(w, r)
			return
		}
		saying(200, intents)(w, r)
	}
}

// Only two complete lists make it certain that there is nothing.
func TestNotFoundIsCertain(t *testing.T) {
	t.Parallel()
	other := intentOf("pi_2", "succeeded", checkout.NewID(made, [10]byte{7}))
	for name, c := range map[string]struct {
		sessions, intents string
		found             bool
	}{
		"two lists":           {list(false), list(false, other), true},
		"no list of sessions": {`{}`, list(false), false},
		"no list of intents":  {list(false), `{}`, false},
		"an object":           {list(false), other, false},
		"null":                {`null`, `null`, false},
		"cut short":           {list(false), list(false, other)[:40], false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := answering(t, lists(c.sessions, c.intents)).LookUp(t.Context(), lostRequest())
			if c.found {
				require.NoError(t, err)
				require.True(t, report.NotFound)
				return
			}
			requireKind(t, gateway.Unknown, err)
		})
	}
}

// A lost first call and a repeat with a new key leave two objects; the one with
// the money counts.
func TestSearchPrefersMoney(t *testing.T) {
	t.Parallel()
	id := lostRequest().PaymentID
	intents := list(false, intentOf("pi_3", "requires_action", id), intentOf("pi_2", "succeeded", id), intentOf("pi_1", "canceled", id))
	report, err := answering(t, lists(list(false), intents)).LookUp(t.Context(), lostRequest())
	require.NoError(t, err)
	require.Equal(t, "pi_2", report.ChargeID)
	require.Equal(t, checkout.PaymentSucceeded, report.Status)
}

func TestSearchReadsPages(t *testing.T) {
	t.Parallel()
	id := lostRequest().PaymentID
	var asked []string
	a := answering(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		switch {
		case strings.HasPrefix(r.URL.Path, "/v1/checkout"):
			saying(200, list(false))(w, r)
		case r.URL.Query().Get("starting_after") == "":
			saying(200, list(true, intentOf("pi_9", "succeeded", checkout.ID{1})))(w, r)
		default:
			saying(200, list(false, intentOf("pi_8", "succeeded", id)))(w, r)
		}
	})
	report, err := a.LookUp(t.Context(), lostRequest())
	require.NoError(t, err)
	require.Equal(t, "pi_8", report.ChargeID)
	require.Len(t, asked, 3)
	require.Contains(t, asked[0], fmt.Sprintf("created[gte]=%d", made.Add(-5*time.Minute).Unix()))
	require.Contains(t, asked[2], "starting_after=pi_9")
}

// The search ends, and says that it knows nothing.
func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	calls := 0
	page := make([]string, pageSize)
	for i := range page {
		page[i] = intentOf(fmt.Sprintf("pi_%d", i), "succeeded", checkout.ID{1})
	}
	a := answering(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		if strings.HasPrefix(r.URL.Path, "/v1/checkout") {
			saying(200, list(false))(w, r)
			return
		}
		saying(200, list(true, page...))(w, r)
	})
	_, err := a.LookUp(t.Context(), lostRequest())
	requireKind(t, gateway.Unknown, err)
	require.LessOrEqual(t, calls, 2+maxListed/pageSize)
}

func TestForeignReferences(t *testing.T) {
	t.Parallel()
	a := answering(t, saying(200, list(false)))
	req := gateway.ActRequest{LookUpRequest: lostRequest(), Key: "k", Amount: inr(1)}
	req.GatewayRef = "order_29QQoUBi66xm2f"
	for name, call := range map[string]func() error{
		"LookUp":  func() error { _, err := a.LookUp(t.Context(), req.LookUpRequest); return err },
		"Close":   func() error { _, err := a.Close(t.Context(), req); return err },
		"Capture": func() error { _, err := a.Capture(t.Context(), req); return err },
		"Void":    func() error { _, err := a.Void(t.Context(), req); return err },
		"Refund": func() error {
			_, err := a.Refund(t.Context(), gateway.RefundRequest{GatewayRef: req.GatewayRef, Amount: inr(1), Key: "k"})
			return err
		},
		"LookUpRefund": func() error {
			_, err := a.LookUpRefund(t.Context(), gateway.RefundRequest{GatewayRef: req.GatewayRef})
			return err
		},
	} {
		requireKind(t, gateway.Refused, call(), name)
	}
}

// An attempt whose create was never answered can still be closed.
func TestCloseWithoutReferences(t *testing.T) {
	t.Parallel()
	id := lostRequest().PaymentID
	a := answering(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			saying(200, intentOf("pi_1", "canceled", id))(w, r)
		case strings.HasSuffix(r.URL.Path, "/pi_1"):
			saying(200, intentOf("pi_1", "requires_action", id))(w, r)
		case strings.HasSuffix(r.URL.Path, "/sessions"):
			saying(200, list(false))(w, r)
		default:
			saying(200, list(false, intentOf("pi_1", "requires_action", id)))(w, r)
		}
	})
	report, err := a.Close(t.Context(), gateway.ActRequest{LookUpRequest: lostRequest(), Key: "k"})
	require.NoError(t, err)
	require.Equal(t, checkout.PaymentFailed, report.Status)
	require.Equal(t, "pi_1", report.GatewayRef)
}

// Closing does not void what the buyer has just authorised.
func TestCloseLeavesAuthorizedMoney(t *testing.T) {
	t.Parallel()
	a := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			saying(500, "")(w, r) // nothing may be posted
			return
		}
		saying(200, intentOf("pi_1", "requires_capture", lostRequest().PaymentID))(w, r)
	})
	req := gateway.ActRequest{LookUpRequest: lostRequest(), Key: "k"}
	req.ChargeID = "pi_1"
	report, err := a.Close(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, checkout.PaymentAuthorized, report.Status)
}

// A refusal whose reason cannot be read is not passed on: it may mean that the
// act is done.
func TestRefusalNeedsTheTruth(t *testing.T) {
	t.Parallel()
	a := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			saying(400, problem("invalid_request_error", "payment_intent_unexpected_state"))(w, r)
			return
		}
		saying(500, problem("api_error", ""))(w, r)
	})
	req := gateway.ActRequest{LookUpRequest: lostRequest(), Key: "k", Amount: inr(500)}
	req.ChargeID = "pi_1"
	_, err := a.Capture(t.Context(), req)
	requireKind(t, gateway.Unknown, err)
	_, err = a.Void(t.Context(), req)
	requireKind(t, gateway.Unknown, err)
	_, err = a.Refund(t.Context(), gateway.RefundRequest{ChargeID: "pi_1", Amount: inr(500), Key: "k"})
	requireKind(t, gateway.Unknown, err)
}

// Nothing can be captured of a session that nobody has paid.
func TestActWithoutCharge(t *testing.T) {
	t.Parallel()
	a := answering(t, saying(200, `{"id":"cs_1","object":"checkout.session","status":"open","url":"https://x.test","amount_total":500,"currency":"inr","payment_intent":null}`))
	req := gateway.ActRequest{LookUpRequest: lostRequest(), Key: "k", Amount: inr(500)}
	req.GatewayRef = "cs_1"
	for _, call := range []func() error{
		func() error { _, err := a.Capture(t.Context(), req); return err },
		func() error { _, err := a.Void(t.Context(), req); return err },
		func() error {
			_, err := a.Refund(t.Context(), gateway.RefundRequest{GatewayRef: "cs_1", Amount: inr(500), Key: "k"})
			return err
		},
	} {
		var typed *gateway.Error
		require.ErrorAs(t, call(), &typed)
		require.Equal(t, "no_charge", typed.Code)
	}
}

func TestRefundReason(t *testing.T) {
	t.Parallel()
	require.Equal(t, "duplicate", refundReason("duplicate"))
	require.Empty(t, refundReason("damaged in transit"))
	require.Empty(t, refundReason(""))
}
