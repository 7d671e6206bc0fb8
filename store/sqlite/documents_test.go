package sqlite

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kassa/checkout"
	"kassa/money"
)

// TestDocuments compares what is written by hand with what encoding/json writes,
// as encoding/json reads both.
func TestDocuments(t *testing.T) {
	t.Parallel()
	var nothing checkout.OrderDetails
	sameDocument(t, nothing, func(d *document) { writeDetails(d, &nothing) })
	rapid.Check(t, func(t *rapid.T) {
		details := rapid.Make[checkout.OrderDetails]().Draw(t, "details")
		sameDocument(t, details, func(d *document) { writeDetails(d, &details) })
		list := rapid.SliceOf(rapid.Make[checkout.Allocation]()).Draw(t, "allocations")
		sameDocument(t, list, func(d *document) { writeAllocations(d, list) })
		event := checkout.WebhookEvent{
			Type: rapid.String().Draw(t, "type"), OccurredAt: instant(t),
			Payment: report(t), Refund: rapid.Ptr(rapid.Just(checkout.RefundReport{GatewayRef: "re_1"}), true).Draw(t, "refund"),
		}
		sameDocument(t, event, func(d *document) { writeWebhookEvent(d, &event) })
		events := []checkout.Event{{
			OrderID: checkout.ID{1}, Seq: rapid.Int64().Draw(t, "seq"), Type: rapid.String().Draw(t, "type"), At: instant(t),
			Data: rapid.MapOf(rapid.String(), fact()).Draw(t, "data"),
		}, {}}
		sameDocument(t, events, func(d *document) { writeEvents(d, events) })
	})
}

func sameDocument[T any](t require.TestingT, value T, write func(*document)) {
	var d document
	write(&d)
	require.NoError(t, d.err)
	text, err := json.Marshal(value)
	require.NoError(t, err)
	var got, want T
	require.NoError(t, json.Unmarshal(d.data, &got), "%s", d.data)
	require.NoError(t, json.Unmarshal(text, &want))
	require.Equal(t, want, got, "%s\n%s", text, d.data)
}

func instant(t *rapid.T) time.Time {
	return time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "µs")).UTC()
}

func report(t *rapid.T) *checkout.PaymentReport {
	if rapid.Bool().Draw(t, "no payment") {
		return nil
	}
	text := rapid.String()
	r := &checkout.PaymentReport{
		Gateway: text.Draw(t, "gateway"), GatewayRef: text.Draw(t, "ref"), ChargeID: text.Draw(t, "charge"),
		Status: checkout.PaymentSucceeded, Amount: money.New(rapid.Int64Min(1).Draw(t, "amount"), "INR"), NotFound: rapid.Bool().Draw(t, "not found"),
		Action:  rapid.Ptr(rapid.Just(checkout.Action{Type: "redirect", URL: "https://example.com/?a=1&b=<2>"}), true).Draw(t, "action"),
		Failure: rapid.Ptr(rapid.Just(checkout.Failure{Code: "declined"}), true).Draw(t, "failure"),
	}
	if rapid.Bool().Draw(t, "named") {
		r.PaymentID, r.ActionExpires = checkout.ID{1, 2, 3}, instant(t)
	}
	return r
}

// fact is a value in the data of an event.
func fact() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.String().AsAny(), rapid.Int().AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(),
		rapid.Just[any](nil), rapid.Just[any]([]string{"a"}), rapid.Just[any](time.Unix(1, 0).UTC()))
}
