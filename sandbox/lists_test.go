package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85"
)

func TestListPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var ids []string // newest first
	for range 7 {
		ids = append([]string{b.pay("pm_card_visa").ID}, ids...)
		b.clock.add(10 * time.Second)
	}
	read := func(query string) (got []string, more bool) {
		answer := b.raw("GET", "/v1/payment_intents?"+query, "", nil)
		require.Equal(t, http.StatusOK, answer.status, "%s", answer.body)
		return listIDs(t, answer.body)
	}
	for query, want := range map[string]struct {
		ids  []string
		more bool
	}{
		"":                                 {ids, false},
		"limit=3":                          {ids[:3], true},
		"limit=3&starting_after=" + ids[2]: {ids[3:6], true},
		"limit=3&starting_after=" + ids[5]: {ids[6:], false},
		"limit=2&ending_before=" + ids[5]:  {ids[3:5], true},
		"limit=9&ending_before=" + ids[2]:  {ids[:2], false},
		"limit=7":                          {ids, false},
	} {
		got, more := read(query)
		require.Equal(t, want.ids, got, query)
		require.Equal(t, want.more, more, query)
	}
	third := strconv.FormatInt(b.clock.Now().Add(-30*time.Second).Unix(), 10) // when ids[2] was made
	for query, want := range map[string][]string{
		"created[gte]=" + third: ids[:3], "created[gt]=" + third: ids[:2], "created[lt]=" + third: ids[3:], "created[lte]=" + third: ids[2:],
		"created=" + third: ids[2:3], "created[gte]=" + third + "&created[lte]=" + third: ids[2:3],
	} {
		got, _ := read(query)
		require.Equal(t, want, got, query)
	}
	for _, query := range []string{"limit=0", "limit=101", "starting_after=pi_none", "starting_after=" + ids[0] + "&ending_before=" + ids[1], "created[foo]=1", "foo=1"} {
		require.GreaterOrEqual(t, b.raw("GET", "/v1/payment_intents?"+query, "", nil).status, 400, query)
	}
}

func TestSDKIteratesOverPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 5 {
		b.pay("pm_card_visa")
	}
	params := &stripe.PaymentIntentListParams{}
	params.Limit = stripe.Int64(2)
	count := 0
	for pi, err := range b.stripe.V1PaymentIntents.List(t.Context(), params).All(t.Context()) {
		require.NoError(t, err)
		require.NotEmpty(t, pi.ID)
		count++
	}
	require.Equal(t, 5, count)
}

func TestSearch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	create := func(more ...string) {
		answer := b.raw("POST", "/v1/payment_intents", "", intentForm(more...))
		require.Contains(t, []int{200, 402}, answer.status, "%s", answer.body)
	}
	create("metadata[order_id]", "a", "amount", "1000")
	create("metadata[order_id]", "a", "amount", "2000", "payment_method", "pm_card_chargeDeclined")
	create("metadata[order_id]", "b", "amount", "3000", "currency", "usd")
	for query, want := range map[string]int{
		"metadata['order_id']:'a'":                                2,
		`metadata["order_id"]:"b"`:                                1,
		"metadata['order_id']:'a' AND status:'succeeded'":         1,
		"metadata['order_id']:'a' -status:'succeeded'":            1,
		"status:'succeeded'":                                      2,
		"currency:'usd'":                                          1,
		"amount>=2000":                                            2,
		"amount>1000 AND amount<3000":                             1,
		"created>" + strconv.FormatInt(b.clock.Now().Unix(), 10):  0,
		"created<=" + strconv.FormatInt(b.clock.Now().Unix(), 10): 3,
		"metadata['order_id']:'b' OR status:'nothing'":            1,
		"-metadata['order_id']:'a'":                               1,
		"metadata['nothing']:null":                                3,
		"metadata['order_id']:'a' AND -metadata['order_id']:'a'":  0,
	} {
		answer := b.raw("GET", "/v1/payment_intents/search?query="+url.QueryEscape(query), "", nil)
		require.Equal(t, http.StatusOK, answer.status, "%s: %s", query, answer.body)
		ids, _ := listIDs(t, answer.body)
		require.Len(t, ids, want, query)
	}
	for _, query := range []string{"colour:'red'", "amount:'lots'", "status:", "amount>1 OR amount<1 AND amount>2", "metadata['a']>'b'"} {
		answer := b.raw("GET", "/v1/payment_intents/search?query="+url.QueryEscape(query), "", nil)
		require.Equal(t, http.StatusBadRequest, answer.status, "%s: %s", query, answer.body)
	}
}

func TestEventsList(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.pay("pm_card_visa")
	first, _ := listIDs(t, b.raw("GET", "/v1/events?type=payment_intent.succeeded", "", nil).body)
	require.Len(t, first, 1)
	event, err := b.stripe.V1Events.Retrieve(t.Context(), first[0], nil)
	require.NoError(t, err)
	require.Equal(t, stripe.EventTypePaymentIntentSucceeded, event.Type)
	require.NotEmpty(t, event.Request.ID)

	b.pay("pm_card_visa")
	newer, _ := listIDs(t, b.raw("GET", "/v1/events?type=payment_intent.*&ending_before="+first[0], "", nil).body)
	require.Len(t, newer, 2, "created and succeeded of the second payment")
	some, _ := listIDs(t, b.raw("GET", "/v1/events?types[]=charge.succeeded&types[]=payment_intent.created", "", nil).body)
	require.Len(t, some, 4)
}

func TestEventsAreDroppedPastTheLimit(t *testing.T) {
	t.Parallel()
	l := newListing[*event](3)
	for i := range 5 {
		l.add(&event{ID: strconv.Itoa(i)})
	}
	_, ok := l.find("1")
	require.False(t, ok)
	kept, ok := l.find("3")
	require.True(t, ok)
	require.Equal(t, "3", kept.ID)
	page, more, err := l.page(pageQuery{limit: 10, to: maxUnixTime, from: -1 << 60, after: "4"}, "event", func(*event) bool { return true })
	require.Nil(t, err)
	require.False(t, more)
	require.Equal(t, []string{"3", "2"}, []string{page[0].ID, page[1].ID})
}

func TestControl(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	call := func(method, path, body string) (int, string) {
		answer := b.send(method, "/_sim/"+path, "", body)
		return answer.status, string(answer.body)
	}
	status, body := call("POST", "faults", `{"faults":[{"fault":"error_500","operation":"refunds.list","nth":1}]}`)
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, http.StatusInternalServerError, b.raw("GET", "/v1/refunds", "", nil).status)
	status, body = call("GET", "faults", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"struck":1`)
	status, _ = call("DELETE", "faults", "")
	require.Equal(t, http.StatusNoContent, status)
	status, body = call("POST", "faults", `{"faults":[{"fault":"nonsense","operation":"*"}]}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "nonsense")
	status, _ = call("POST", "faults", `{"rules":[]}`)
	require.Equal(t, http.StatusBadRequest, status)

	before := b.sandbox.simTime()
	status, _ = call("POST", "advance?d=72h", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 72*time.Hour, b.sandbox.simTime().Sub(before))
	status, _ = call("POST", "advance?d=-1h", "")
	require.Equal(t, http.StatusBadRequest, status)

	status, _ = call("POST", "webhook", `{"url":"`+b.inbox.server.URL+`/other","secret":"whsec_new"}`)
	require.Equal(t, http.StatusNoContent, status)
	b.pay("pm_card_visa")
	b.drain()
	for _, l := range b.inbox.all() {
		require.Error(t, l.problem, "signed with the new secret")
	}
	status, body = call("GET", "ledger", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"captured":5000`)
	status, body = call("GET", "deliveries", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"state":"delivered"`)
}
