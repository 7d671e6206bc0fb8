package stripe

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/gateway"
)

// vectors were made with npm stripe 23.1.0: see testdata/vectors.json.
type vectors struct {
	Positive []struct {
		Type, Payload, Secret, Header string
		Timestamp                     int64
	}
	Negative, Edge []struct {
		Name, Payload, Secret, Header string
		Now                           int64
		Vendor                        any
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(raw, &v))
	require.NotEmpty(t, v.Positive)
	require.NotEmpty(t, v.Negative)
	require.NotEmpty(t, v.Edge)
	return v
}

func signedBy(header string) http.Header { return http.Header{signatureHeader: {header}} }

func withSecrets(t *testing.T, secrets ...string) *account {
	t.Helper()
	return newAccount(t, func(c *Config) { c.WebhookSecrets = secrets })
}

func TestVectors(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for i, row := range v.Positive {
		t.Run(fmt.Sprintf("%d %s", i, row.Type), func(t *testing.T) {
			t.Parallel()
			event, err := withSecrets(t, row.Secret).ParseWebhook(signedBy(row.Header), []byte(row.Payload), time.Unix(row.Timestamp, 0))
			require.NoError(t, err)
			require.Equal(t, row.Type, event.Type)
			require.NotNil(t, event.Payment)
			require.Equal(t, "pi_sim_1", event.Payment.ChargeID)
			require.Equal(t, inr(129950), event.Payment.Amount)
		})
	}
	for _, row := range append(v.Negative, v.Edge...) {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			_, err := withSecrets(t, row.Secret).ParseWebhook(signedBy(row.Header), []byte(row.Payload), time.Unix(row.Now, 0))
			if row.Vendor == true {
				require.NoError(t, err)
				return
			}
			requireKind(t, gateway.Forged, err)
		})
	}
}

const samplePayload = `{"id":"evt_1","object":"event","type":"product.created","created":1795346000,"data":{"object":{}}}`

func header(secret string, at int64, body string) string {
	signed := fmt.Sprint(at)
	return "t=" + signed + ",v1=" + hex.EncodeToString(sign(secret, signed, []byte(body)))
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	const at = 1795346000
	good := header("whsec_new", at, samplePayload)
	v1 := good[len("t=1795346000,"):]
	for name, c := range map[string]struct {
		header string
		late   int64
		ok     bool
	}{
		"good":                      {good, 0, true},
		"300 s old":                 {good, 300, true},
		"301 s old":                 {good, 301, false},
		"300 s in the future":       {good, -300, true},
		"301 s in the future":       {good, -301, false},
		"old secret":                {header("whsec_old", at, samplePayload), 0, true},
		"unknown secret":            {header("whsec_other", at, samplePayload), 0, false},
		"second of two":             {"t=1795346000,v1=00ff," + v1, 0, true},
		"beside another scheme":     {"t=1795346000,v0=00ff," + v1 + ",v2=zz", 0, true},
		"beside no hex":             {"t=1795346000,v1=zz," + v1, 0, true},
		"upper case hex":            {"t=1795346000,v1=" + upper(v1[len("v1="):]), 0, true},
		"only another scheme":       {"t=1795346000,v0=" + v1[len("v1="):], 0, false},
		"missing":                   {"", 0, false},
		"without a time":            {v1, 0, false},
		"with two times":            {"t=1795346000," + good, 0, false},
		"time is no number":         {"t=now," + v1, 0, false},
		"time is a fraction":        {"t=1795346000.0," + v1, 0, false},
		"time overflows":            {"t=99999999999999999999," + v1, 0, false},
		"time is the least":         {fmt.Sprintf("t=%d,%s", math.MinInt64, v1), 0, false},
		"a part that is no pair":    {good + ",v1", 0, false},
		"a part with two signs":     {"t=1795346000,v1==" + v1[len("v1="):], 0, false},
		"truncated":                 {good[:len(good)-2], 0, false},
		"signature of another time": {"t=1795346001," + v1, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := withSecrets(t, "whsec_new", "whsec_old").ParseWebhook(signedBy(c.header), []byte(samplePayload), time.Unix(at+c.late, 0))
			if c.ok {
				require.NoError(t, err)
				require.Equal(t, "evt_1", event.Key)
				return
			}
			requireKind(t, gateway.Forged, err)
		})
	}
}

func upper(text string) string {
	raw, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%X", raw)
}

const (
	samplePayment = "0198c0de-0000-7000-8000-000000000001"
	sampleRefund  = "0198c0de-0000-7000-8000-000000000002"
)

// event wraps an object as Stripe does, signed for now.
func parse(t *testing.T, kind, object string) (checkout.WebhookEvent, error) {
	t.Helper()
	body := fmt.Sprintf(`{"id":"evt_9","object":"event","api_version":"2019-01-01","created":1795346000,"type":%q,"data":{"object":%s}}`, kind, object)
	return withSecrets(t, "whsec_1").ParseWebhook(signedBy(header("whsec_1", 1795346000, body)), []byte(body), time.Unix(1795346000, 0))
}

func TestPaymentEvents(t *testing.T) {
	t.Parallel()
	session := func(rest string) string {
		return `{"id":"cs_1","object":"checkout.session","mode":"payment","amount_total":500,"currency":"inr","client_reference_id":"` + samplePayment + `",` + rest + `}`
	}
	intent := func(rest string) string {
		return `{"id":"pi_1","object":"payment_intent","amount":500,"currency":"inr",` + rest + `}`
	}
	direct := `"metadata":{"payment_id":"` + samplePayment + `"}`
	paged := `"metadata":{"payment_id":"` + samplePayment + `","checkout":"session"}`
	refused := `"status":"requires_payment_method","last_payment_error":{"type":"card_error","code":"card_declined","decline_code":"do_not_honor","message":"No."},`
	for name, c := range map[string]struct {
		kind, object string
		status       checkout.PaymentStatus
		failure      string
		ref, charge  string
	}{
		"succeeded":                 {"payment_intent.succeeded", intent(`"status":"succeeded","amount_received":500,` + direct), "SUCCEEDED", "", "pi_1", "pi_1"},
		"succeeded, session":        {"payment_intent.succeeded", intent(`"status":"succeeded","amount_received":500,` + paged), "SUCCEEDED", "", "", "pi_1"},
		"authorised":                {"payment_intent.amount_capturable_updated", intent(`"status":"requires_capture","amount_capturable":500,` + direct), "AUTHORIZED", "", "pi_1", "pi_1"},
		"failed":                    {"payment_intent.payment_failed", intent(refused + direct), "FAILED", "do_not_honor", "pi_1", "pi_1"},
		"failed, session goes on":   {"payment_intent.payment_failed", intent(refused + paged), "PENDING", "", "", "pi_1"},
		"cancelled, never held":     {"payment_intent.canceled", intent(`"status":"canceled",` + direct), "FAILED", "canceled", "pi_1", "pi_1"},
		"cancelled, was held":       {"payment_intent.canceled", intent(`"status":"canceled","latest_charge":"ch_1",` + direct), "VOIDED", "", "pi_1", "pi_1"},
		"cancelled after a decline": {"payment_intent.canceled", intent(`"latest_charge":"ch_1","last_payment_error":{"code":"expired_card","message":"No."},"status":"canceled",` + direct), "FAILED", "expired_card", "pi_1", "pi_1"},
		"processing":                {"payment_intent.processing", intent(`"status":"processing",` + direct), "PENDING", "", "pi_1", "pi_1"},
		"a status of the future":    {"payment_intent.pondering", intent(`"status":"pondering",` + direct), "PENDING", "", "pi_1", "pi_1"},
		"session paid":              {"checkout.session.completed", session(`"status":"complete","payment_status":"paid","payment_intent":"pi_1"`), "SUCCEEDED", "", "cs_1", "pi_1"},
		"session unpaid":            {"checkout.session.completed", session(`"status":"complete","payment_status":"unpaid","payment_intent":"pi_1"`), "PENDING", "", "cs_1", "pi_1"},
		"session paid late":         {"checkout.session.async_payment_succeeded", session(`"status":"complete","payment_status":"paid","payment_intent":"pi_1"`), "SUCCEEDED", "", "cs_1", "pi_1"},
		"session failed late":       {"checkout.session.async_payment_failed", session(`"status":"complete","payment_status":"unpaid","payment_intent":"pi_1"`), "FAILED", "async_payment_failed", "cs_1", "pi_1"},
		"session expired":           {"checkout.session.expired", session(`"status":"expired","payment_status":"unpaid","payment_intent":null`), "FAILED", "session_expired", "cs_1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := parse(t, c.kind, c.object)
			require.NoError(t, err)
			require.Equal(t, "evt_9", event.Key)
			require.Nil(t, event.Refund)
			require.NotNil(t, event.Payment)
			report := *event.Payment
			require.Equal(t, samplePayment, report.PaymentID.String())
			require.Equal(t, inr(500), report.Amount)
			require.Equal(t, c.status, report.Status)
			require.Equal(t, []string{c.ref, c.charge}, []string{report.GatewayRef, report.ChargeID})
			if c.failure == "" {
				require.Nil(t, report.Failure)
				return
			}
			require.Equal(t, c.failure, report.Failure.Code)
		})
	}
}

func TestRefundEvents(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"} {
		for status, want := range map[string]checkout.RefundStatus{
			"pending": "PENDING", "requires_action": "PENDING", "succeeded": "SUCCEEDED", "failed": "FAILED", "canceled": "FAILED",
		} {
			event, err := parse(t, kind, `{"id":"re_1","object":"refund","amount":200,"currency":"inr","status":"`+status+
				`","payment_intent":"pi_1","metadata":{"refund_id":"`+sampleRefund+`","payment_id":"`+samplePayment+`"}}`)
			require.NoError(t, err)
			require.Nil(t, event.Payment)
			require.Equal(t, want, event.Refund.Status)
			require.Equal(t, sampleRefund, event.Refund.RefundID.String())
			require.Equal(t, samplePayment, event.Refund.PaymentID.String())
			require.Equal(t, "pi_1", event.Refund.PaymentRef)
			require.Equal(t, inr(200), event.Refund.Amount)
			require.Equal(t, want == checkout.RefundFailed, event.Refund.Failure != nil)
		}
	}
}

func TestRefundOfTheDashboard(t *testing.T) {
	t.Parallel()
	event, err := parse(t, "refund.created", `{"id":"re_1","object":"refund","amount":200,"currency":"inr","status":"succeeded","payment_intent":"pi_1","metadata":{}}`)
	require.NoError(t, err)
	require.True(t, event.Refund.RefundID.IsZero())
	require.Equal(t, "pi_1", event.Refund.PaymentRef)
}

func TestEventsOfNoInterest(t *testing.T) {
	t.Parallel()
	for kind, object := range map[string]string{
		"charge.refunded":            `{"id":"ch_1"}`,
		"charge.succeeded":           `{"id":"ch_1"}`,
		"charge.dispute.created":     `{"id":"dp_1"}`,
		"customer.created":           `{"id":"cus_1"}`,
		"checkout.session.completed": `{"id":"cs_1","mode":"subscription","status":"complete"}`,
	} {
		event, err := parse(t, kind, object)
		require.NoError(t, err)
		require.Nil(t, event.Payment, kind)
		require.Nil(t, event.Refund, kind)
	}
}

// What is signed and still no event is refused, not taken for a forgery.
func TestMalformedEvents(t *testing.T) {
	t.Parallel()
	for _, object := range []string{`null`, `{}`, `[]`, `7`, `"pi_1"`, `{"id":7}`, `{"id":"pi_1"}`} {
		for _, kind := range []string{"payment_intent.succeeded", "checkout.session.completed", "refund.created"} {
			_, err := parse(t, kind, object)
			requireKind(t, gateway.Refused, err, "%s %s: %v", kind, object, err)
		}
	}
	for _, body := range []string{"", "null", "[]", "{", `{"id":"evt_1","object":"event"}`, `{"object":"event","type":"x"}`} {
		_, err := withSecrets(t, "whsec_1").ParseWebhook(signedBy(header("whsec_1", 1795346000, body)), []byte(body), time.Unix(1795346000, 0))
		requireKind(t, gateway.Refused, err, "%s: %v", body, err)
	}
}

// FuzzParseWebhook: no message makes the parser panic, and none passes whose
// signature was not made with the secret. The same body, signed, is then read.
func FuzzParseWebhook(f *testing.F) {
	for _, row := range readVectors(f).Positive {
		f.Add(row.Header, []byte(row.Payload), row.Timestamp)
	}
	f.Add("t=1,v1=", []byte(samplePayload), int64(1))
	f.Add(",,=", []byte(`{"id":"evt_1","object":"event","type":"payment_intent.x","data":{"object":{"id":"pi","status":"canceled","latest_charge":{}}}}`), int64(-1))
	config := sampleConfig()
	config.WebhookSecrets = []string{"whsec_a_secret_that_signed_none_of_the_corpus"}
	opened, err := New(config)
	require.NoError(f, err)

	f.Fuzz(func(t *testing.T, signature string, body []byte, at int64) {
		_, err := opened.ParseWebhook(signedBy(signature), body, time.Unix(at, 0))
		requireKind(t, gateway.Forged, err, "a forged body is never accepted")

		const now = 1795346000
		event, err := opened.ParseWebhook(signedBy(header(config.WebhookSecrets[0], now, string(body))), body, time.Unix(now, 0))
		if err != nil {
			requireKind(t, gateway.Refused, err)
			return
		}
		require.NotEmpty(t, event.Key)
		require.False(t, event.Payment != nil && event.Refund != nil)
	})
}
