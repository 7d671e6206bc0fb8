package postgres

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

// What is written by hand is JSON that reads back.
func TestAllocationsAreJSON(t *testing.T) {
	t.Parallel()
	for want, list := range map[string][]checkout.Allocation{
		`[["MUG",1]]`: {{SKU: "MUG", Warehouse: "main", Qty: 1}},
		`[["a\"b\\c",-5,"पुणे\n<&>"],["",1152921504606846976,"x"]]`: {
			{SKU: `a"b\c`, Warehouse: "पुणे\n<&>", Qty: -5}, {SKU: "", Warehouse: "x", Qty: 1 << 60},
		},
		`[["A",0,"\u0000"],["A",2,""]]`: {{SKU: "A", Warehouse: "\x00"}, {SKU: "A", Qty: 2}},
		`[[]]`:                          {{Warehouse: "main"}},
	} {
		r := &record{}
		r.allocations(list)
		text := r.data[8:]
		require.JSONEq(t, want, string(text))
		back := scanAllocations(&row{values: [][]byte{text}})
		require.Equal(t, list, back)
	}
}

func TestActionsReadBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		action *checkout.Action
		ref    string
		want   string
	}{
		{&checkout.Action{Type: "redirect", URL: "https://pay.example/c/cs_1#x"}, "cs_1", `["redirect","https://pay.example/c/","#x"]`},
		{&checkout.Action{Type: "redirect", URL: "https://pay.example/c/cs_1"}, "cs_1", `["redirect","https://pay.example/c/",""]`},
		{&checkout.Action{Type: "redirect", URL: "https://pay.example/c"}, "cs_1", `["redirect","https://pay.example/c"]`},
		{&checkout.Action{Type: "redirect", URL: "https://pay.example/c"}, "", `["redirect","https://pay.example/c"]`},
		{&checkout.Action{Type: "upi_intent"}, "cs_1", `["upi_intent"]`},
		{&checkout.Action{}, "", `[]`},
		{&checkout.Action{Type: "upi_intent", URI: "upi://cs_1"}, "cs_1", `{"type":"upi_intent","uri":"upi://cs_1"}`},
		{nil, "cs_1", ""},
	} {
		r := &record{}
		r.action(test.action, test.ref)
		stored := r.data[8:]
		if test.want == "" {
			require.Empty(t, stored)
			stored = nil
		} else {
			require.JSONEq(t, test.want, string(stored))
		}
		require.Equal(t, test.action, scanAction(&row{values: [][]byte{stored}}, test.ref))
	}
}

// An event is put together from columns and the rest, whatever is in which.
func TestEventsReadBack(t *testing.T) {
	t.Parallel()
	paid := checkout.PaymentReport{PaymentID: newID(), Gateway: "stripe", ChargeID: "pi_1", Status: checkout.PaymentSucceeded}
	failed := checkout.PaymentReport{Gateway: "stripe", GatewayRef: "cs_1", Failure: &checkout.Failure{Code: "declined"}}
	for name, test := range map[string]struct {
		event checkout.WebhookEvent
		rest  string
	}{
		"paid":       {checkout.WebhookEvent{Payment: &paid}, ""},
		"failed":     {checkout.WebhookEvent{Payment: &failed}, `{"payment":{"failure":{"code":"declined","message":""}}}`},
		"other's":    {checkout.WebhookEvent{Payment: &checkout.PaymentReport{Gateway: "x"}}, `{"payment":{"gateway":"x"}}`},
		"refund":     {checkout.WebhookEvent{Refund: &checkout.RefundReport{Gateway: "stripe", PaymentRef: "pi_1"}}, `{"refund":{"payment_ref":"pi_1"}}`},
		"no concern": {checkout.WebhookEvent{}, `{}`},
	} {
		test.event.Gateway, test.event.Key, test.event.Type = "stripe", "evt_1", "payment"
		record := &checkout.WebhookRecord{ID: newID(), Event: test.event, Status: checkout.WebhookReceived, ReceivedAt: testTime}
		written := recordOf(t, "webhook_events", 16, record, writeWebhook)
		read := &row{}
		read.split(written, 16)
		if test.rest == "" {
			require.Nil(t, read.values[15], name)
		} else {
			require.JSONEq(t, test.rest, string(read.values[15]), name)
		}
		require.Equal(t, record, scanWebhook(read), name)
	}
}

func TestDetailsLeaveOutWhatIsUsual(t *testing.T) {
	t.Parallel()
	o := newOrder()
	r := &record{}
	r.details(o)
	require.JSONEq(t, `{
		"lines": [["SKU-1","Blue kettle",1,49900,49900,"8516"],["SKU-2","Red kettle",1,50000,50000]],
		"taxes": [["IGST 18%",15239]],
		"customer": ["asha@example.com","Asha Rao","+919812345678"],
		"ship_to": ["Asha Rao","14 Residency Road","Bengaluru","KA","560025","IN"]
	}`, string(r.data[8:]))
	require.True(t, json.Valid(r.data[8:]))
	require.Equal(t, o.Details, scanDetails(&row{values: [][]byte{r.data[8:]}}, o.Total))

	o.Details.Quote.Subtotal++ // such as a subtotal that is rounded as a whole
	r = &record{}
	r.details(o)
	require.Contains(t, string(r.data), `"subtotal":99901`)
	require.Equal(t, o.Details, scanDetails(&row{values: [][]byte{r.data[8:]}}, o.Total))
}

func TestKeysReadBack(t *testing.T) {
	t.Parallel()
	for text, size := range map[string]int{
		"": 0, "3a959ebc-2c8f-4298-90ca-83e36ff8bc6b": 17, "3A959EBC-2c8f-4298-90ca-83e36ff8bc6b": 37, "00000000-0000-0000-0000-000000000000": 37,
		"u123456789abcdef": 17, "order 7, try 2": 15, "ab": 2, "t": 2,
	} {
		r := &record{}
		r.key(text)
		stored := r.data[8:]
		require.Len(t, stored, size, text)
		require.Equal(t, text, unpackKey(stored))
	}
}

func TestHashesReadBack(t *testing.T) {
	t.Parallel()
	for text, size := range map[string]int{
		"": 0, "d4f0bc5a29de06b510f9aa428f1eedba926012b591fef7a518e776a7c9bd1824": 33, "ab": 2, "abc": 4, "AB": 3, "x": 2, "hash-ü": 8,
	} {
		r := &record{}
		r.hash(text)
		stored := r.data[8:]
		require.Len(t, stored, size, text)
		require.Equal(t, text, unpackHash(stored))
	}
}

// What is written by hand is what encoding/json writes.
func TestEventsAreJSON(t *testing.T) {
	t.Parallel()
	id := newID()
	for _, events := range [][]checkout.Event{
		nil, {}, {{}},
		{{OrderID: id, Seq: 1, Type: "order.created", At: testTime}, {OrderID: id, Seq: 2, Type: "a\"b", At: time.Unix(0, 0).UTC(), Data: map[string]any{}}},
		{{OrderID: id, At: testTime, Data: map[string]any{
			"z": "text-‘ü’\"\\<&>", "a": 1, "b": int64(-2), "c": true, "d": 1.5, "e": testTime, "f": nil, "g": []any{"x", 1},
			"h": map[string]any{"i": id.String()}, "": "", "é": "",
		}}},
	} {
		written, err := appendEvents(nil, events)
		require.NoError(t, err)
		want, err := json.Marshal(events)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(written))
	}
	_, err := appendEvents(nil, []checkout.Event{{Data: map[string]any{"x": func() {}}}})
	require.Error(t, err)
}

// recordOf writes one row of a table and returns its columns.
func recordOf[T any](t *testing.T, table string, columns int, value T, write func(*record, T)) []byte {
	t.Helper()
	r := &record{}
	encodeRows(r, rowTypes{table: {columns: make([]uint32, columns)}}, table, []T{value}, write)
	require.NoError(t, r.err)
	return r.data[arrayHeader+8:]
}
